-- What has moved the most from one month to the next? By subscription, resource group and service, as billed.
-- Edit the month, such as '202610', where null is the newest with usage up to its last day, and how many lines to show
-- of each enrollment.
with parameters as (select cast(null as text) as month, 10 as lines),
live as (
    select
        coalesce(enrollment_number, '(none)') as enrollment_number, billing_period_id, cast(date as date) as day,
        coalesce(subscription_name, '(none)') as subscription, coalesce(resource_group, '(none)') as resource_group,
        coalesce(service_name, '(none)') as service, cost
    from azure.usage_details
    where _sdc_deleted_at is null
),
ends as (select enrollment_number, max(day) + 1 as usage_end from live group by enrollment_number),
months as (
    select distinct
        enrollment_number, billing_period_id,
        cast(billing_period_id as integer)
            < extract(year from usage_end) * 100 + extract(month from usage_end) as is_over
    from live join ends using (enrollment_number)
),
chosen as (
    select enrollment_number, coalesce(parameters.month, max(billing_period_id) filter (where is_over)) as month
    from months cross join parameters
    group by enrollment_number, parameters.month
),
compared as (
    select enrollment_number, month, max(billing_period_id) as month_before
    from months join chosen using (enrollment_number)
    where billing_period_id < month
    group by enrollment_number, month
),
costs as (
    select
        enrollment_number, month, subscription, resource_group, service,
        coalesce(sum(cost) filter (where billing_period_id = month_before), 0) as cost_before,
        coalesce(sum(cost) filter (where billing_period_id = month), 0) as cost
    from live join compared using (enrollment_number)
    where billing_period_id in (month, month_before)
    group by enrollment_number, month, subscription, resource_group, service
),
ranked as (
    select
        *,
        row_number() over (
            partition by enrollment_number order by abs(cost - cost_before) desc, subscription, resource_group, service
        ) as place
    from costs
)
select
    ranked.month,
    subscription,
    resource_group,
    service,
    cast(cost_before as decimal(18, 2)) as cost_before,
    cast(cost as decimal(18, 2)) as cost,
    cast(cost - cost_before as decimal(18, 2)) as difference,
    enrollment_number
from ranked join parameters on place <= lines
order by enrollment_number, place;
