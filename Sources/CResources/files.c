#include "CResources.h"

/* #embed is C23; clang has it in every mode and says so. */
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char migration_0001[] = {
#embed "../../migrations/0001_core.sql"
};

static const unsigned char migration_0002[] = {
#embed "../../migrations/0002_idempotency.sql"
};

static const unsigned char migration_0003[] = {
#embed "../../migrations/0003_tests.sql"
};

static const unsigned char migration_0004[] = {
#embed "../../migrations/0004_access.sql"
};

static const unsigned char migration_0005[] = {
#embed "../../migrations/0005_gateway.sql"
};

static const unsigned char migration_0006[] = {
#embed "../../migrations/0006_diffs.sql"
};

static const unsigned char migration_0007[] = {
#embed "../../migrations/0007_projects.sql"
};

static const unsigned char migration_0008[] = {
#embed "../../migrations/0008_terminals.sql"
};

static const struct cresources_file migrations[] = {
    {"0001_core.sql", migration_0001, sizeof migration_0001},
    {"0002_idempotency.sql", migration_0002, sizeof migration_0002},
    {"0003_tests.sql", migration_0003, sizeof migration_0003},
    {"0004_access.sql", migration_0004, sizeof migration_0004},
    {"0005_gateway.sql", migration_0005, sizeof migration_0005},
    {"0006_diffs.sql", migration_0006, sizeof migration_0006},
    {"0007_projects.sql", migration_0007, sizeof migration_0007},
    {"0008_terminals.sql", migration_0008, sizeof migration_0008},
};

const struct cresources_file *cresources_migration(size_t index) {
    return index < sizeof migrations / sizeof migrations[0] ? &migrations[index] : NULL;
}

/* One script of several files; each ends with a line end. */
static const unsigned char python_helper[] = {
#embed "python_source.py"
    ,
#embed "python_nodes.py"
    ,
#embed "python_graph.py"
    ,
#embed "python_helper.py"
};
const struct cresources_file cresources_python_helper = {"python_helper.py", python_helper, sizeof python_helper};

static const unsigned char test_runner[] = {
#embed "test_runner.py"
};
const struct cresources_file cresources_test_runner = {"test_runner.py", test_runner, sizeof test_runner};

static const unsigned char prices[] = {
#embed "prices.json"
};
const struct cresources_file cresources_prices = {"prices.json", prices, sizeof prices};

static const unsigned char context_windows[] = {
#embed "context_windows.json"
};
const struct cresources_file cresources_context_windows = {
    "context_windows.json", context_windows, sizeof context_windows};

static const unsigned char docs_page[] = {
#embed "docs.html"
};
const struct cresources_file cresources_docs_page = {"docs.html", docs_page, sizeof docs_page};

/* The projects that a new one can begin as: TEMPLATE/PATH, in any order. */
static const unsigned char support_desk_main[] = {
#embed "templates/support-desk/main.py"
};
static const unsigned char support_desk_readme[] = {
#embed "templates/support-desk/README.md"
};
static const unsigned char support_desk_requirements[] = {
#embed "templates/support-desk/requirements.txt"
};
static const unsigned char support_desk_gitignore[] = {
#embed "templates/support-desk/gitignore"
};
static const unsigned char research_team_main[] = {
#embed "templates/research-team/main.py"
};
static const unsigned char research_team_readme[] = {
#embed "templates/research-team/README.md"
};
static const unsigned char research_team_requirements[] = {
#embed "templates/research-team/requirements.txt"
};
static const unsigned char research_team_gitignore[] = {
#embed "templates/research-team/gitignore"
};
static const unsigned char tool_assistant_main[] = {
#embed "templates/tool-assistant/main.py"
};
static const unsigned char tool_assistant_readme[] = {
#embed "templates/tool-assistant/README.md"
};
static const unsigned char tool_assistant_requirements[] = {
#embed "templates/tool-assistant/requirements.txt"
};
static const unsigned char tool_assistant_gitignore[] = {
#embed "templates/tool-assistant/gitignore"
};

static const struct cresources_file template_files[] = {
    {"support-desk/main.py", support_desk_main, sizeof support_desk_main},
    {"support-desk/README.md", support_desk_readme, sizeof support_desk_readme},
    {"support-desk/requirements.txt", support_desk_requirements, sizeof support_desk_requirements},
    {"support-desk/.gitignore", support_desk_gitignore, sizeof support_desk_gitignore},
    {"research-team/main.py", research_team_main, sizeof research_team_main},
    {"research-team/README.md", research_team_readme, sizeof research_team_readme},
    {"research-team/requirements.txt", research_team_requirements, sizeof research_team_requirements},
    {"research-team/.gitignore", research_team_gitignore, sizeof research_team_gitignore},
    {"tool-assistant/main.py", tool_assistant_main, sizeof tool_assistant_main},
    {"tool-assistant/README.md", tool_assistant_readme, sizeof tool_assistant_readme},
    {"tool-assistant/requirements.txt", tool_assistant_requirements, sizeof tool_assistant_requirements},
    {"tool-assistant/.gitignore", tool_assistant_gitignore, sizeof tool_assistant_gitignore},
};

const struct cresources_file *cresources_template_file(size_t index) {
    return index < sizeof template_files / sizeof template_files[0] ? &template_files[index] : NULL;
}
