-- What has moved the most from one month to the next? By subscription, resource group and service, as billed.
-- Edit the month, such as '202610', which otherwise is the newest but one, and how many lines to show.
with live as (select * from azure.usage_details where _sdc_deleted_at is null),
months as (select distinct billing_period_id as month from live),
parameters as (select (select month from months order by month desc limit 1 offset 1) as month, 10 as lines),
compared as (
    select parameters.month, max(months.month) as month_before
    from parameters join months on months.month < parameters.month
    group by parameters.month
),
costs as (
    select
        month, subscription_name, resource_group, service_name,
        coalesce(sum(cost) filter (where billing_period_id = month_before), 0) as cost_before,
        coalesce(sum(cost) filter (where billing_period_id = month), 0) as cost
    from live join compared on billing_period_id in (month, month_before)
    group by month, subscription_name, resource_group, service_name
)
select
    month,
    subscription_name as subscription,
    resource_group,
    service_name as service,
    cast(cost_before as decimal(18, 2)) as cost_before,
    cast(cost as decimal(18, 2)) as cost,
    cast(cost - cost_before as decimal(18, 2)) as difference
from costs
order by abs(costs.cost - costs.cost_before) desc, subscription, resource_group, service
limit (select lines from parameters);
