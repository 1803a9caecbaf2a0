-- What has cost how much without a tag, by department and subscription? Usage as billed; an empty tag is none.
-- Edit the tag, and the month to see another one, such as '202610'.
with parameters as (
    select 'owner' as tag, (select max(billing_period_id) from azure.usage_details where _sdc_deleted_at is null) as month
),
costs as (
    select
        month, tag, coalesce(department_name, '(none)') as department, subscription_name as subscription,
        sum(cost) as cost,
        coalesce(sum(cost) filter (where nullif(tags ->> tag, '') is null), 0) as untagged
    from azure.usage_details join parameters on billing_period_id = month
    where _sdc_deleted_at is null
    group by month, tag, department_name, subscription_name
),
lines as (
    select *, 0 as place from costs
    union all
    select month, tag, 'total', '', sum(cost), sum(untagged), 1 from costs group by month, tag
)
select
    month,
    tag,
    department,
    subscription,
    cast(cost as decimal(18, 2)) as cost,
    cast(untagged as decimal(18, 2)) as untagged,
    cast(100 * untagged / nullif(cost, 0) as decimal(18, 1)) as percent
from lines
order by place, lines.untagged desc, department, subscription;
