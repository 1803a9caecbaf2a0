-- What would a workload that does not exist yet cost a month, in a subscription of its own?
-- Edit its lines, one for each meter: its names and region as in rate_card_meters, and a month's quantity in its unit.
with workload(meter, meter_region, quantity) as (values
    ('Virtual Machines / Dsv5 Series / D4s v5', 'EU West', 2 * 730),
    ('Storage / Premium SSD Managed Disks / P20 LRS Disk', 'EU West', 2),
    ('Log Analytics / Analytics Logs / Data Ingestion', 'EU West', 40),
    ('Bandwidth / Rtn Preference: MGN / Standard Data Transfer Out', 'EU West', 500)
),
priced as (
    select meter, meter_region, quantity, unit, list_cost(quantity, included_quantity, tiers, rates) as cost, currency
    from workload cross join card left join list_prices using (offer_id, currency, locale, region, meter, meter_region)
)
select
    coalesce(meter, 'total') as meter, meter_region, quantity, unit,
    if(count(cost) = count(*), sum(cost), null)::decimal(18, 2) as cost,
    currency,
    if(count(cost) = count(*), '', 'no list price') as note
from priced
group by grouping sets ((meter, meter_region, quantity, unit, currency), (currency))
order by grouping(meter), meter;
