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

static const struct cresources_file migrations[] = {
    {"0001_core.sql", migration_0001, sizeof migration_0001},
    {"0002_idempotency.sql", migration_0002, sizeof migration_0002},
    {"0003_tests.sql", migration_0003, sizeof migration_0003},
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

static const unsigned char docs_page[] = {
#embed "docs.html"
};
const struct cresources_file cresources_docs_page = {"docs.html", docs_page, sizeof docs_page};
