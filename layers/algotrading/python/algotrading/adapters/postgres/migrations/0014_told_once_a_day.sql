-- What is told once a day is more than its summary: before the open, too, whoever has something to do hears of it.

alter table daily_summaries add column kind text not null default 'daily_summary';
alter table daily_summaries drop constraint daily_summaries_pkey;
alter table daily_summaries add primary key (user_id, trading_day, kind);
