-- What would the same workload cost in other regions, or under another offer?
-- Edit the workload, as in workload.sql, and the places. Another offer needs a run of the tap with rate_card_offer set.
with workload(meter, quantity) as (values
    ('Virtual Machines / Dsv5 Series / D4s v5', 2 * 730),
    ('Storage / Premium SSD Managed Disks / P20 LRS Disk', 2),
    ('Log Analytics / Analytics Logs / Data Ingestion', 40),
    ('Bandwidth / Rtn Preference: MGN / Standard Data Transfer Out', 500)
),
places(offer_id, meter_region) as (values
    ('MS-AZR-0003P', 'EU West'),
    ('MS-AZR-0003P', 'SE Central'),
    ('MS-AZR-0003P', 'US East 2'),
    ('MS-AZR-0023P', 'EU West')
),
priced as (
    select places.*, meter, currency, list_cost(quantity, included_quantity, tiers, rates) as cost
    from workload cross join places cross join (select * exclude offer_id from card)
    left join list_prices using (offer_id, currency, locale, region, meter, meter_region)
)
select
    offer_id, meter_region,
    -- A sum of some of the lines is nothing to compare.
    if(count(cost) = count(*), sum(cost), null)::decimal(18, 2) as cost,
    currency,
    coalesce(string_agg(meter, ', ' order by meter) filter (cost is null), '') as without_price
from priced
group by offer_id, meter_region, currency
order by cost;
