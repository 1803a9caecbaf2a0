-- What has each department cost, month over month? In the enrollment's currency; the newest month may still be open.
-- Edit the first month to show. After the first month that was loaded, a department without usage in a month cost 0.
with parameters as (select '202501' as first_month),
usage as (
    select billing_period_id as month, coalesce(department_name, '(none)') as department, cost
    from azure.usage_details
    where _sdc_deleted_at is null
),
lines as (
    select month, department, cost from usage
    union all
    select month, 'total' as department, cost from usage
),
costs as (
    select month, department, coalesce(sum(cost), 0) as cost
    from (select distinct month from usage) as months
    cross join (select distinct department from lines) as departments
    left join lines using (month, department)
    group by month, department
),
compared as (
    select *, lag(cost) over (partition by department order by month) as cost_before from costs
)
select
    month,
    department,
    cast(cost_before as decimal(18, 2)) as cost_before,
    cast(cost as decimal(18, 2)) as cost,
    cast(cost - cost_before as decimal(18, 2)) as difference,
    cast(100 * (cost - cost_before) / nullif(cost_before, 0) as decimal(18, 1)) as percent
from compared cross join parameters
where month >= first_month
order by month desc, case when department = 'total' then 1 else 0 end, compared.cost desc, department;
