-- What has this month cost so far, by subscription? Usage at list price, with tiers and included quantities.
-- Edit the month to see another one, such as '2026-10'. without_price names meters that the rate card does not list.
with parameters as (select (select max(month) from usage_costs) as month)
select
    month,
    if(grouping(subscription_id) = 1, 'total', subscription_id) as subscription,
    max(day) as up_to,
    sum(cost)::decimal(18, 2) as cost,
    currency,
    coalesce(string_agg(distinct meter, ', ' order by meter) filter (cost is null), '') as without_price
from usage_costs join parameters using (month)
group by grouping sets ((month, currency, subscription_id), (month, currency))
order by grouping(subscription_id), cost desc;
