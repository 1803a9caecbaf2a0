-- How much has been spent without a tag, by department and subscription? Usage as billed; an empty tag is none.
-- Edit the tag, in any case, and the month to see another one, such as '202610'.
with parameters as (
    select 'owner' as tag, (select max(billing_period_id) from azure.usage_details where _sdc_deleted_at is null) as month
),
usage as (
    select
        coalesce(enrollment_number, '(none)') as enrollment_number, billing_period_id,
        coalesce(department_name, '(none)') as department, coalesce(subscription_name, '(none)') as subscription,
        -- Azure does not tell names of tags apart by case.
        cast(lower(cast(tags as text)) as json) as tags, cost
    from azure.usage_details
    where _sdc_deleted_at is null
),
asked as (
    select
        month, tag,
        -- PostgreSQL looks for the name as it is; DuckDB takes one that begins with / or $ for a path, so it is given a
        -- path: a JSON pointer.
        case
            when position('PostgreSQL' in version()) = 1 then lower(tag)
            else '/' || replace(replace(lower(tag), '~', '~0'), '/', '~1')
        end as place_of_tag
    from parameters
),
costs as (
    select
        enrollment_number, month, tag, department, subscription, sum(cost) as cost,
        coalesce(sum(cost) filter (where nullif(tags ->> place_of_tag, '') is null), 0) as untagged
    from usage join asked on billing_period_id = month
    group by enrollment_number, month, tag, department, subscription
),
lines as (
    select *, 0 as place from costs
    union all
    select enrollment_number, month, tag, 'total', '', sum(cost), sum(untagged), 1
    from costs
    group by enrollment_number, month, tag
)
select
    month,
    tag,
    department,
    subscription,
    cast(cost as decimal(18, 2)) as cost,
    cast(untagged as decimal(18, 2)) as untagged,
    -- A charge and its refund may leave less than a cent: there is no percentage of that.
    cast(100 * untagged / nullif(cast(cost as decimal(18, 2)), 0) as decimal(18, 1)) as percent,
    enrollment_number
from lines
order by enrollment_number, place, lines.untagged desc, department, subscription;
