-- When the user last had a code sent to a Telegram chat. It stands with the user and not with the chat: taking the chat away
-- and naming it again is no way to another code.
alter table users add column chat_code_at timestamptz;
grant update (chat_code_at) on users to app_role;
