-- Before a buy its owner is told what stands in its way: once for the same trouble of a strategy's day, beside what the
-- morning told of all of them (`about` is empty there). Executors write it, under the functions' role.

alter table daily_summaries add column about text not null default '';
alter table daily_summaries drop constraint daily_summaries_pkey;
alter table daily_summaries add primary key (user_id, trading_day, kind, about);

grant select, insert on daily_summaries to app_role;
