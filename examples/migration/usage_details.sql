-- The usage in actual_cost_details, under the names that usage_details had: a view for DuckDB and PostgreSQL alike.
-- It leaves out what usage_details did not have, so that costs add up to the same: marketplace charges, purchases and
-- refunds, rounding adjustments, and the rows, which cost nothing, of usage that a reservation or savings plan covers.
-- Edit the schema if yours is not azure; add a condition on scope if the table holds scopes that overlap.
create or replace view azure.usage_details_from_cost_details as
select
    enrollment_number,
    billing_period_id,
    -- Of the row in actual_cost_details: still the key, but with gaps.
    row_number,
    -- Of service, tier and location, Microsoft's guide says where they are now; the words are not always the same.
    meter_category as service_name,
    meter_sub_category as service_tier,
    resource_location as location,
    not is_azure_credit_eligible as charges_billed_separately,
    part_number,
    meter_id as resource_guid,
    offer_id,
    cost_in_billing_currency as cost,
    -- Numbers have become text; one that is no number is null.
    case when account_id ~ '^[0-9]{1,18}$' then cast(account_id as bigint) end as account_id,
    cast(null as bigint) as product_id,
    cast(null as bigint) as resource_location_id,
    cast(null as bigint) as consumed_service_id,
    case when invoice_section_id ~ '^[0-9]{1,18}$' then cast(invoice_section_id as bigint) end as department_id,
    account_owner_id as account_owner_email,
    account_name,
    cast(null as text) as service_administrator_id,
    -- The number is gone: subscription_id of cost details is the GUID.
    cast(null as bigint) as subscription_id,
    subscription_id as subscription_guid,
    subscription_name,
    date,
    product_name as product,
    meter_id,
    meter_category,
    meter_sub_category,
    meter_region,
    meter_name,
    -- Rounded by Azure: the cost is cost, not this times resource_rate.
    quantity as consumed_quantity,
    effective_price as resource_rate,
    resource_location,
    consumed_service,
    resource_id as instance_id,
    service_info1,
    service_info2,
    additional_info,
    tags,
    cast(null as text) as store_service_identifier,
    invoice_section_name as department_name,
    cost_center,
    unit_of_measure,
    resource_group,
    -- There is no ETag.
    cast(null as text) as etag,
    -- Always null here; queries of usage_details ask for it.
    _sdc_deleted_at,
    extra
from azure.actual_cost_details
where
    _sdc_deleted_at is null
    and charge_type = 'Usage'
    and publisher_type is distinct from 'Marketplace'
    and coalesce(pricing_model, '') not in ('Reservation', 'SavingsPlan');
