-- What has each department cost, month over month? In its enrollment's currency; the newest month may still be open.
-- Edit the first month to show. After the first month that was loaded, a department without usage in a month cost 0.
with parameters as (select '202501' as first_month),
usage as (
    select
        coalesce(enrollment_number, '(none)') as enrollment_number, billing_period_id as month,
        coalesce(department_name, '(none)') as department, cost
    from azure.usage_details
    where _sdc_deleted_at is null
),
lines as (
    select enrollment_number, month, department, cost, 0 as place from usage
    union all
    select enrollment_number, month, 'total' as department, cost, 1 as place from usage
),
costs as (
    select enrollment_number, month, department, place, coalesce(sum(cost), 0) as cost
    from (select distinct enrollment_number, month from usage) as months
    join (select distinct enrollment_number, department, place from lines) as departments using (enrollment_number)
    left join lines using (enrollment_number, month, department, place)
    group by enrollment_number, month, department, place
),
compared as (
    select
        *, lag(cost) over (partition by enrollment_number, department, place order by month) as cost_before
    from costs
)
select
    month,
    department,
    cast(cost_before as decimal(18, 2)) as cost_before,
    cast(cost as decimal(18, 2)) as cost,
    cast(cost - cost_before as decimal(18, 2)) as difference,
    -- A charge and its refund may leave less than a cent: there is no percentage of that.
    cast(100 * (cost - cost_before) / nullif(cast(cost_before as decimal(18, 2)), 0) as decimal(18, 1)) as percent,
    enrollment_number
from compared cross join parameters
where month >= first_month
order by enrollment_number, month desc, place, compared.cost desc, department;
