BEGIN TRANSACTION;
CREATE TABLE agent_messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL,
  message_data TEXT NOT NULL,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (session_id) REFERENCES agent_sessions (session_id) ON DELETE CASCADE
);
INSERT INTO "agent_messages" VALUES(1,'project_support-desk','{"role":"user","content":"Create a triage agent"}','2026-11-21 04:33:11');
INSERT INTO "agent_messages" VALUES(2,'project_support-desk','{"id":"fc_01a1fc61326270b589f4e71d17d5bc6d","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc61326270b589f4e71d17d5bc6d","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -1,9 +1,16 @@\\n # Welcome to Vibegrapher\\n # Project: Support desk\\n+from agents import Agent\\n \\n def main():\\n     \\\"\\\"\\\"Main entry point for the application.\\\"\\\"\\\"\\n     print(\\\"Ready for vibecoding!\\\")\\n \\n+triage_agent = Agent(\\n+    name=\\\"Triage Agent\\\",\\n+    instructions=\\\"You are the triage agent.\\\",\\n+)\\n+\\n+\\n if __name__ == \\\"__main__\\\":\\n     main()\\n\",\"description\":\"Add the triage agent\"}"}','2026-11-21 04:33:11');
INSERT INTO "agent_messages" VALUES(3,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc61326270b589f4e71d17d5bc6d","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the triage agent\"}"}','2026-11-21 04:33:11');
INSERT INTO "agent_messages" VALUES(6,'project_support-desk','{"role":"user","content":"Which agents are there?"}','2026-11-21 04:33:11');
INSERT INTO "agent_messages" VALUES(7,'project_support-desk','{"id":"msg_01a1fc61354d70568603dc1d5ef89e15","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"main.py defines these agents: Triage. (I am the embedded provider: rules, not a language model.)","annotations":[],"logprobs":[]}]}','2026-11-21 04:33:11');
INSERT INTO "agent_messages" VALUES(8,'project_support-desk','{"role":"user","content":"Make it speak Spanish"}','2026-11-21 04:33:12');
INSERT INTO "agent_messages" VALUES(9,'project_support-desk','{"id":"fc_01a1fc61360b7079be0cc6fa2bb1fa1e","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc61360b7079be0cc6fa2bb1fa1e","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -8,7 +8,7 @@ def main():\\n \\n triage_agent = Agent(\\n     name=\\\"Triage Agent\\\",\\n-    instructions=\\\"You are the triage agent.\\\",\\n+    instructions=\\\"You are the triage agent. Always answer in Spanish.\\\",\\n )\\n \\n \\n\",\"description\":\"Make the triage agent speak Spanish\"}"}','2026-11-21 04:33:12');
INSERT INTO "agent_messages" VALUES(10,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc61360b7079be0cc6fa2bb1fa1e","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Make the triage agent speak Spanish\"}"}','2026-11-21 04:33:12');
INSERT INTO "agent_messages" VALUES(13,'project_support-desk','{"role":"user","content":"Create a billing agent"}','2026-11-21 04:33:12');
INSERT INTO "agent_messages" VALUES(14,'project_support-desk','{"id":"fc_01a1fc61382a70a8a339ecfb2f0a9b2a","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc61382a70a8a339ecfb2f0a9b2a","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -12,5 +12,11 @@ triage_agent = Agent(\\n )\\n \\n \\n+billing_agent = Agent(\\n+    name=\\\"Billing Agent\\\",\\n+    instructions=\\\"You are the billing agent.\\\",\\n+)\\n+\\n+\\n if __name__ == \\\"__main__\\\":\\n     main()\\n\",\"description\":\"Add the billing agent\"}"}','2026-11-21 04:33:12');
INSERT INTO "agent_messages" VALUES(15,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc61382a70a8a339ecfb2f0a9b2a","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the billing agent\"}"}','2026-11-21 04:33:12');
INSERT INTO "agent_messages" VALUES(18,'project_support-desk','{"role":"user","content":"Create a refund agent"}','2026-11-21 04:33:13');
INSERT INTO "agent_messages" VALUES(19,'project_support-desk','{"id":"fc_01a1fc613a31705c839c24067c334b17","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc613a31705c839c24067c334b17","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -12,5 +12,11 @@ triage_agent = Agent(\\n )\\n \\n \\n+refund_agent = Agent(\\n+    name=\\\"Refund Agent\\\",\\n+    instructions=\\\"You are the refund agent.\\\",\\n+)\\n+\\n+\\n if __name__ == \\\"__main__\\\":\\n     main()\\n\",\"description\":\"Add the refund agent\"}"}','2026-11-21 04:33:13');
INSERT INTO "agent_messages" VALUES(20,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc613a31705c839c24067c334b17","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the refund agent\"}"}','2026-11-21 04:33:13');
INSERT INTO "agent_messages" VALUES(23,'project_support-desk','{"role":"user","content":"Create a weather agent"}','2026-11-21 04:33:14');
INSERT INTO "agent_messages" VALUES(24,'project_support-desk','{"id":"fc_01a1fc613d91708eac87a19c09c953e3","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc613d91708eac87a19c09c953e3","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -18,5 +18,11 @@ billing_agent = Agent(\\n )\\n \\n \\n+weather_agent = Agent(\\n+    name=\\\"Weather Agent\\\",\\n+    instructions=\\\"You are the weather agent.\\\",\\n+)\\n+\\n+\\n if __name__ == \\\"__main__\\\":\\n     main()\\n\",\"description\":\"Add the weather agent\"}"}','2026-11-21 04:33:14');
INSERT INTO "agent_messages" VALUES(25,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc613d91708eac87a19c09c953e3","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the weather agent\"}"}','2026-11-21 04:33:14');
INSERT INTO "agent_messages" VALUES(26,'project_support-desk_evaluator','{"role":"user","content":"Request: Create a weather agent\nPatch: Add the weather agent"}','2026-11-21 04:33:14');
INSERT INTO "agent_messages" VALUES(27,'project_support-desk_evaluator','{"id":"msg_01a1fc613e8e70e99448161f24843a07","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the weather agent\"}","annotations":[],"logprobs":[]}]}','2026-11-21 04:33:14');
CREATE TABLE agent_sessions (
  session_id TEXT PRIMARY KEY,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO "agent_sessions" VALUES('project_support-desk','2026-11-21 04:33:11','2026-11-21 04:33:14');
INSERT INTO "agent_sessions" VALUES('project_support-desk_evaluator','2026-11-21 04:33:14','2026-11-21 04:33:14');
CREATE TABLE vibegrapher_turns (turn_id TEXT PRIMARY KEY);
INSERT INTO "vibegrapher_turns" VALUES('first');
INSERT INTO "vibegrapher_turns" VALUES('01a1fc61-3547-7062-b9d7-68cbc57ee398');
INSERT INTO "vibegrapher_turns" VALUES('01a1fc61-3602-7048-bb08-831e46934992');
INSERT INTO "vibegrapher_turns" VALUES('01a1fc61-3822-70a8-9439-504dea7fa0aa');
INSERT INTO "vibegrapher_turns" VALUES('01a1fc61-3a2a-7048-8bd9-c47925c5d152');
INSERT INTO "vibegrapher_turns" VALUES('interrupted');
CREATE INDEX idx_agent_messages_session_id ON agent_messages (session_id, created_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('agent_messages',27);
COMMIT;
