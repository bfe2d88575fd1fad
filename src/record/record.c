/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/record.h"

static bool alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool record_name_ok(const char *name)
{
	size_t n = 0;

	if (!name || !alnum(name[0]))
		return false;
	for (; name[n]; n++)
		if (n >= 64 || !(alnum(name[n]) || strchr("._-", name[n])))
			return false;
	return true;
}
