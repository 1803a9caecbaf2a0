-- Which limits has this month's cost passed? No row: none.
-- Edit the limits: each is for whatever of its kind has such a name, each by itself; * is any text, case is ignored.
with limits(kind, pattern, allowed) as (values
    ('total', '*', 30000),
    ('resource', '*', 2000),
    ('tag', 'app=*', 12000),
    ('tag', 'env=staging', 500)
),
this_month as (from usage_costs where month = (select max(month) from usage_costs)),
costs as (
    select 'total' as kind, 'all subscriptions' as name, sum(cost) as cost from this_month
    union all
    select 'resource', resource, sum(cost) from this_month group by resource
    union all
    select 'tag', lower(tag.key) || '=' || tag.value as name, sum(cost)
    from (select *, unnest(tag_entries(tags)) as tag from this_month)
    group by name
)
select (select max(month) from this_month) as month, kind, name, cost::decimal(18, 2) as cost, allowed, currency
from costs join limits using (kind) cross join card
where lower(name) glob lower(pattern) and cost > allowed
order by cost / allowed desc;
