-- What has each value of a tag cost this month? The rows add up to the total of month_to_date.sql.
-- Edit the tag, in any case, and the month, such as '2026-10'. without_price names meters that have no price.
with parameters as (select 'app' as tag, (select max(month) from usage_costs) as month)
select
    month,
    tag,
    coalesce(tag_value(tags, tag), '(untagged)') as value,
    sum(cost)::decimal(18, 2) as cost,
    currency,
    round(100 * sum(cost) / nullif((sum(sum(cost)) over ())::decimal(18, 2), 0), 1) as percent,
    coalesce(string_agg(distinct meter, ', ' order by meter) filter (cost is null), '') as without_price
from usage_costs join parameters using (month)
group by month, tag, value, currency
order by cost desc;
