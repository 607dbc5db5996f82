-- Text messages as a channel. A mobile number is kept sealed, and beside that what is shown of it; its code has six digits,
-- so its tries are counted. What was sent is counted by the deliveries that arrived; codes are counted here, across users.

alter table notification_wishes drop constraint notification_wishes_channel_check;
alter table notification_wishes add constraint notification_wishes_channel_check
    check (channel in ('email', 'webhook', 'telegram', 'push', 'sms'));
alter table deliveries drop constraint deliveries_channel_check;
alter table deliveries add constraint deliveries_channel_check
    check (channel in ('email', 'webhook', 'telegram', 'push', 'sms'));
alter table notification_channels drop constraint notification_channels_channel_check;
alter table notification_channels add constraint notification_channels_channel_check
    check (channel in ('webhook', 'telegram', 'sms'));
alter table notification_channels drop constraint notification_channels_check;
alter table notification_channels add constraint notification_channels_check
    check ((channel in ('webhook', 'sms')) = (sealed_secret is not null));
alter table notification_channels add column code_tries smallint not null default 0;
grant update (code_tries) on notification_channels to app_role;

create index deliveries_by_sms on deliveries (user_id, delivered_at) where channel = 'sms';

-- Every code that was sent to a mobile number. What is older than yesterday goes with the next code that anybody asks for.
-- A mark is of 12 bits, so that with the last four digits, which stand elsewhere, a hundred of India's numbers are left.
-- A deleted account's rows are kept, so that nobody's limits begin anew by deleting one, and say no more whose they were,
-- nor when on that day: the audit trail has that of each number.
create table sms_codes (
    code_id     bigint generated always as identity primary key,
    user_id     uuid references users (id),
    number_mark smallint not null check (number_mark between 0 and 4095),
    sent_on     date not null,
    sent_at     timestamptz,
    check ((user_id is null) = (sent_at is null))
);
create index sms_codes_day on sms_codes (sent_on);

alter table sms_codes enable row level security;
create policy tenant on sms_codes to app_role using (user_id = app_user_id()) with check (user_id = app_user_id());
create policy system on sms_codes to system_role using (true) with check (true);
grant select on sms_codes to app_role;

-- Whether the tenant of the transaction may have one more code sent that day; it is counted then. One number is asked for by
-- many users, and all of them cost one deployment: so it counts everybody's, says nothing of them, and writes the tenant's.
create function spend_sms_code(mark smallint, moment timestamptz, of_user integer, of_number integer, of_all integer)
    returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    counted record;
    today date := (moment at time zone 'Asia/Kolkata')::date;
begin
    -- Of two at the same moment the second counts the first.
    perform pg_advisory_xact_lock(3030);
    -- By the database's own clock too: a moment far ahead, whoever named it, clears nothing that still counts.
    delete from sms_codes where sent_on < least(today, (now() at time zone 'Asia/Kolkata')::date) - 1;
    select count(*) filter (where user_id = app_user_id()) as by_user,
           count(*) filter (where number_mark = mark) as by_number,
           count(*) as by_all
        into counted from sms_codes where sent_on = today;
    if counted.by_user >= of_user or counted.by_number >= of_number or counted.by_all >= of_all then
        return false;
    end if;
    insert into sms_codes (user_id, number_mark, sent_on, sent_at) values (app_user_id(), mark, today, moment);
    return true;
end $$;
revoke execute on function spend_sms_code(smallint, timestamptz, integer, integer, integer) from public;
grant execute on function spend_sms_code(smallint, timestamptz, integer, integer, integer) to app_role;

-- The tenant's codes, once that account is deleted, are nobody's any more: of one that is there it changes nothing.
create function forget_sms_codes() returns void
    language sql security definer set search_path = public, pg_temp as $$
    update sms_codes set user_id = null, sent_at = null
    where user_id = app_user_id()
        and exists (select from users where id = app_user_id() and deleted_at is not null)
$$;
revoke execute on function forget_sms_codes() from public;
grant execute on function forget_sms_codes() to app_role;
