/* SPDX-License-Identifier: ISC */
/* reach.h - `postern doctor --reach`: what the process of a guest can reach. */
#ifndef POSTERN_REACH_H
#define POSTERN_REACH_H

#include <stdbool.h>

/* Makes a guest process, looks, and prints. Returns an exit status. */
int reach_print(bool as_json);

#endif
