BEGIN TRANSACTION;
CREATE TABLE agent_messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL,
  message_data TEXT NOT NULL,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (session_id) REFERENCES agent_sessions (session_id) ON DELETE CASCADE
);
INSERT INTO "agent_messages" VALUES(1,'project_support-desk','{"role":"user","content":"Create a triage agent"}','2026-11-21 04:27:41');
INSERT INTO "agent_messages" VALUES(2,'project_support-desk','{"id":"fc_01a1fc5c2893709486fae03ae7434be5","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc5c2893709486fae03ae7434be5","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -1,9 +1,16 @@\\n # Welcome to Vibegrapher\\n # Project: Support desk\\n+from agents import Agent\\n \\n def main():\\n     \\\"\\\"\\\"Main entry point for the application.\\\"\\\"\\\"\\n     print(\\\"Ready for vibecoding!\\\")\\n \\n+triage_agent = Agent(\\n+    name=\\\"Triage Agent\\\",\\n+    instructions=\\\"You are the triage agent.\\\",\\n+)\\n+\\n+\\n if __name__ == \\\"__main__\\\":\\n     main()\\n\",\"description\":\"Add the triage agent\"}"}','2026-11-21 04:27:41');
INSERT INTO "agent_messages" VALUES(3,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc5c2893709486fae03ae7434be5","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the triage agent\"}"}','2026-11-21 04:27:41');
INSERT INTO "agent_messages" VALUES(6,'project_support-desk','{"role":"user","content":"Which agents are there?"}','2026-11-21 04:27:41');
INSERT INTO "agent_messages" VALUES(7,'project_support-desk','{"id":"msg_01a1fc5c2bc370d7aea7b188ec2d2075","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"main.py defines these agents: Triage. (I am the embedded provider: rules, not a language model.)","annotations":[],"logprobs":[]}]}','2026-11-21 04:27:41');
INSERT INTO "agent_messages" VALUES(8,'project_support-desk','{"role":"user","content":"Make it speak Spanish"}','2026-11-21 04:27:41');
INSERT INTO "agent_messages" VALUES(9,'project_support-desk','{"id":"fc_01a1fc5c2c84707d857311918de2eb5f","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc5c2c84707d857311918de2eb5f","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -8,7 +8,7 @@ def main():\\n \\n triage_agent = Agent(\\n     name=\\\"Triage Agent\\\",\\n-    instructions=\\\"You are the triage agent.\\\",\\n+    instructions=\\\"You are the triage agent. Always answer in Spanish.\\\",\\n )\\n \\n \\n\",\"description\":\"Make the triage agent speak Spanish\"}"}','2026-11-21 04:27:41');
INSERT INTO "agent_messages" VALUES(10,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc5c2c84707d857311918de2eb5f","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Make the triage agent speak Spanish\"}"}','2026-11-21 04:27:41');
INSERT INTO "agent_messages" VALUES(13,'project_support-desk','{"role":"user","content":"Create a billing agent"}','2026-11-21 04:27:42');
INSERT INTO "agent_messages" VALUES(14,'project_support-desk','{"id":"fc_01a1fc5c2ea170aaa03f6249e767b26a","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc5c2ea170aaa03f6249e767b26a","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -12,5 +12,11 @@ triage_agent = Agent(\\n )\\n \\n \\n+billing_agent = Agent(\\n+    name=\\\"Billing Agent\\\",\\n+    instructions=\\\"You are the billing agent.\\\",\\n+)\\n+\\n+\\n if __name__ == \\\"__main__\\\":\\n     main()\\n\",\"description\":\"Add the billing agent\"}"}','2026-11-21 04:27:42');
INSERT INTO "agent_messages" VALUES(15,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc5c2ea170aaa03f6249e767b26a","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the billing agent\"}"}','2026-11-21 04:27:42');
INSERT INTO "agent_messages" VALUES(18,'project_support-desk','{"role":"user","content":"Create a refund agent"}','2026-11-21 04:27:42');
INSERT INTO "agent_messages" VALUES(19,'project_support-desk','{"id":"fc_01a1fc5c3086708c937a28b32bf89a63","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc5c3086708c937a28b32bf89a63","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -12,5 +12,11 @@ triage_agent = Agent(\\n )\\n \\n \\n+refund_agent = Agent(\\n+    name=\\\"Refund Agent\\\",\\n+    instructions=\\\"You are the refund agent.\\\",\\n+)\\n+\\n+\\n if __name__ == \\\"__main__\\\":\\n     main()\\n\",\"description\":\"Add the refund agent\"}"}','2026-11-21 04:27:42');
INSERT INTO "agent_messages" VALUES(20,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc5c3086708c937a28b32bf89a63","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the refund agent\"}"}','2026-11-21 04:27:42');
INSERT INTO "agent_messages" VALUES(23,'project_support-desk','{"role":"user","content":"Create a weather agent"}','2026-11-21 04:27:43');
INSERT INTO "agent_messages" VALUES(24,'project_support-desk','{"id":"fc_01a1fc5c33647069a7aa964c6759131a","type":"function_call","status":"completed","name":"submit_patch","call_id":"call_01a1fc5c33647069a7aa964c6759131a","arguments":"{\"patch\":\"--- a/main.py\\n+++ b/main.py\\n@@ -18,5 +18,11 @@ billing_agent = Agent(\\n )\\n \\n \\n+weather_agent = Agent(\\n+    name=\\\"Weather Agent\\\",\\n+    instructions=\\\"You are the weather agent.\\\",\\n+)\\n+\\n+\\n if __name__ == \\\"__main__\\\":\\n     main()\\n\",\"description\":\"Add the weather agent\"}"}','2026-11-21 04:27:43');
INSERT INTO "agent_messages" VALUES(25,'project_support-desk','{"type":"function_call_output","call_id":"call_01a1fc5c33647069a7aa964c6759131a","output":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the weather agent\"}"}','2026-11-21 04:27:43');
INSERT INTO "agent_messages" VALUES(26,'project_support-desk_evaluator','{"role":"user","content":"Request: Create a weather agent\nPatch: Add the weather agent"}','2026-11-21 04:27:43');
INSERT INTO "agent_messages" VALUES(27,'project_support-desk_evaluator','{"id":"msg_01a1fc5c343470c7a43e1210a8d2bb31","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"{\"approved\":true,\"reasoning\":\"The patch applies and compiles. (The embedded provider checks no more: it is not a language model.)\",\"commit_message\":\"Add the weather agent\"}","annotations":[],"logprobs":[]}]}','2026-11-21 04:27:43');
CREATE TABLE agent_sessions (
  session_id TEXT PRIMARY KEY,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO "agent_sessions" VALUES('project_support-desk','2026-11-21 04:27:41','2026-11-21 04:27:43');
INSERT INTO "agent_sessions" VALUES('project_support-desk_evaluator','2026-11-21 04:27:43','2026-11-21 04:27:43');
CREATE TABLE vibegrapher_turns (turn_id TEXT PRIMARY KEY);
INSERT INTO "vibegrapher_turns" VALUES('first');
INSERT INTO "vibegrapher_turns" VALUES('01a1fc5c-2bbc-70c3-ab5a-91d22c2208b0');
INSERT INTO "vibegrapher_turns" VALUES('01a1fc5c-2c7a-70cc-a356-fe5b70eb7d33');
INSERT INTO "vibegrapher_turns" VALUES('01a1fc5c-2e91-7062-a47d-14323ee35d18');
INSERT INTO "vibegrapher_turns" VALUES('01a1fc5c-3080-704d-9d09-cbd00a560953');
INSERT INTO "vibegrapher_turns" VALUES('interrupted');
CREATE INDEX idx_agent_messages_session_id ON agent_messages (session_id, created_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('agent_messages',27);
COMMIT;
