#pragma once
#include <stddef.h>

/* Files of this repository that the executable carries, so that it runs from any folder. */

struct cresources_file {
    const char *name;               /* the file's name without its folder */
    const unsigned char *bytes;
    size_t size;
};

/* The numbered files of migrations/, in order, or NULL behind the last. */
const struct cresources_file *cresources_migration(size_t index);

/* The helper that asks CPython about Python source. */
extern const struct cresources_file cresources_python_helper;

/* The program that runs one test after a project's entry file. */
extern const struct cresources_file cresources_test_runner;

/* Prices of models. */
extern const struct cresources_file cresources_prices;

/* How many tokens models read. */
extern const struct cresources_file cresources_context_windows;

/* The page at /docs. */
extern const struct cresources_file cresources_docs_page;

/* The files of the projects that a new one can begin as, each named TEMPLATE/PATH, or NULL behind the last. */
const struct cresources_file *cresources_template_file(size_t index);
