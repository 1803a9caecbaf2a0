-- Does it add up? What was read is held against what Azure states, month by month: agrees, differs, or open while the
-- month is.
-- Edit the first month to show. What does not agree comes first.
with parameters as (select '202501' as first_month)
select
    status,
    billing_period_id as month,
    comparison,
    scope,
    left_name,
    cast(left_amount as decimal(18, 2)) as left_amount,
    right_name,
    cast(right_amount as decimal(18, 2)) as right_amount,
    cast(difference as decimal(18, 2)) as difference,
    tolerance,
    currency_code as currency
from azure.period_reconciliation join parameters on billing_period_id >= first_month
where _sdc_deleted_at is null
order by case status when 'differs' then 0 when 'open' then 1 else 2 end, month desc, comparison, scope;
