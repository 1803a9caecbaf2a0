-- What will this month have cost when it ends? A day to come uses what the same weekday used of late, on average, and
-- tiers and included quantities apply to the whole month.
-- Edit the two numbers of days.
with span as (
    select max(month) as this_month, last_day(max(day)) as month_end,
        max(day) - 2 as known_to, -- what comes after is still being reported, and so predicted too
        known_to - 28 as looked_back_to
    from usage_costs
),
history as (
    select *, isodow(day) as weekday from usage_costs cross join span where day > looked_back_to and day <= known_to
),
weekdays as (select weekday, count(distinct day) as days from history group by weekday),
to_come as (
    select isodow(day) as weekday, count(*) as times
    from (select unnest(range(known_to + 1, month_end + 1, interval 1 day)) as day, this_month from span)
    where strftime(day, '%Y-%m') = this_month
    group by weekday
),
quantities as (
    select *, quantity as used, if(day <= known_to, quantity, 0) as expected
    from usage_costs join span on month = this_month
    union all by name
    select *, 0 as used, quantity * times / days as expected
    from history join weekdays using (weekday) join to_come using (weekday)
),
meters as (
    select this_month as month, subscription_id, any_value(meter) as meter, currency,
        list_cost(sum(used), included_quantity, tiers, rates) as cost,
        list_cost(greatest(sum(used), sum(expected)), included_quantity, tiers, rates) as predicted
    from quantities
    group by this_month, subscription_id, meter_id, currency, included_quantity, tiers, rates
)
select
    month,
    if(grouping(subscription_id) = 1, 'total', subscription_id) as subscription,
    sum(cost)::decimal(18, 2) as cost_so_far,
    sum(predicted)::decimal(18, 2) as cost_at_month_end,
    currency,
    (select sum(days)::int from weekdays) as days_of_history,
    coalesce(string_agg(distinct meter, ', ' order by meter) filter (predicted is null), '') as without_price
from meters
group by grouping sets ((month, currency, subscription_id), (month, currency))
order by grouping(subscription_id), cost_at_month_end desc;
