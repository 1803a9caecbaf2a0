-- What the other files build on: usage at list price. Run it before them, in the same connection; it stores nothing.
-- Edit the card: it is what the tap's settings rate_card_offer, _currency, _locale and _region say.
create or replace temp view card as
select 'MS-AZR-0003P' as offer_id, 'USD' as currency, 'en-US' as locale, 'US' as region;

-- Every card as it was read last: a meter that Azure no longer lists stays in the table, with an older snapshot_at.
create or replace temp view list_prices as
select
    offer_id, currency, locale, region, meter_id, unit,
    concat_ws(' / ', meter_category, meter_sub_category, meter_name) as meter,
    coalesce(meter_region, '') as meter_region,
    coalesce(included_quantity, 0) as included_quantity,
    (meter_rates ->> '$[*].from_quantity')::double[] as tiers, (meter_rates ->> '$[*].rate')::double[] as rates
from azure.rate_card_meters
qualify snapshot_at = max(snapshot_at) over (partition by offer_id, currency, locale, region);

-- The cost of a meter's quantity of a month: what is beyond the included, each part at the rate of the tier it lies in.
-- A month that takes back more than was used is a credit, at the first rate. What has no price has no cost: null.
create or replace temp macro list_cost(quantity, included_quantity, tiers, rates) as case
    when quantity < 0 then quantity * rates[1]::double
    when quantity >= 0 then list_sum([
        rate * greatest(0, least(quantity - included_quantity, tiers[place + 1]::double) - tiers[place]::double)
        for rate, place in rates
    ])
end;

-- The tags as a map, not as JSON: a name that begins with / or $ would be read as a path.
create or replace temp macro tag_entries(tags) as map_entries(tags::map(varchar, varchar));

-- The value of a tag. Azure does not tell names of tags apart by case; an empty value is none.
create or replace temp macro tag_value(tags, tag) as
    nullif([entry.value for entry in tag_entries(tags) if lower(entry.key) = lower(tag)][1], '');

-- Usage by the month in which it was used, each row with its share of what its meter costs the subscription that month.
create or replace temp view usage_costs as
with usage as (
    select
        strftime(usage_start_time, '%Y-%m') as month, usage_start_time::date as day, subscription_id, meter_id, tags,
        concat_ws(' / ', meter_category, meter_sub_category, coalesce(meter_name, meter_id, 'unknown')) as meter,
        -- Azure does not always write an id in the same case; a classic resource has none.
        coalesce(lower(resource_uri), 'classic / ' || meter) as resource,
        quantity, sum(quantity) over (partition by month, subscription_id, meter_id) as month_quantity
    from azure.resource_usage
    where _sdc_deleted_at is null
)
select
    usage.*, currency, included_quantity, tiers, rates,
    list_cost(month_quantity, included_quantity, tiers, rates) as month_cost,
    if(month_quantity = 0, month_cost, quantity / month_quantity * month_cost) as cost
from usage cross join card left join list_prices using (offer_id, currency, locale, region, meter_id);
