-- What has been restated since a given day, and by how much? A month that was still growing is not restated: what is
-- listed had been read after its month was over, and then Azure changed it.
-- Edit the day. No row: nothing.
with parameters as (select cast('2026-01-01' as timestamp) as since)
select
    refreshed_at,
    dataset,
    scope,
    billing_period_id as month,
    rows_before,
    period_refreshes.rows,
    deleted_rows,
    cast(amount_before as decimal(18, 2)) as amount_before,
    cast(amount as decimal(18, 2)) as amount,
    cast(amount_difference as decimal(18, 2)) as amount_difference,
    currency_code as currency
from azure.period_refreshes join parameters on refreshed_at >= since
where
    reason = 'restated'
    and already_read_after_close
    -- Where Azure has no ETag, months are read again without having changed.
    and (amount <> amount_before or period_refreshes.rows <> rows_before or etag <> etag_before)
order by refreshed_at desc, dataset, month desc;
