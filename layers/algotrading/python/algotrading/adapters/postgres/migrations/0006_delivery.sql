-- Notices are delivered one by one: each has its attempts, its next try and its last error, and holds nobody up but,
-- for a while, later notices of its own user. Executors deliver what they wrote themselves, so the functions' role
-- may note the delivery of its tenant's notices, and nothing else of them; nor may the system role of anybody's.

alter table outbox add column attempts integer not null default 0;
alter table outbox add column next_try_at timestamptz;
alter table outbox add column last_error text;

drop index outbox_pending;
create index outbox_waiting on outbox (user_id, notice_id) where delivered_at is null;

revoke update on outbox from system_role;
grant update (delivered_at, attempts, next_try_at, last_error) on outbox to app_role, system_role;
