/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/syslog.h"

#define TAG_MAX 256 /* what is longer in front of a colon is text */
#define HOST_MAX 255

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool graphic(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f;
}

static void cut(struct span *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

bool syslog_pri(struct span *s, unsigned *pri)
{
	unsigned v = 0;
	size_t n = 1;

	if (s->n < 3 || s->p[0] != '<')
		return false;
	for (; n < 4 && n < s->n && digit(s->p[n]); n++)
		v = v * 10 + (unsigned)(s->p[n] - '0');
	if (n == 1 || n == s->n || s->p[n] != '>')
		return false;
	*pri = v;
	cut(s, n + 1);
	return true;
}

/* Does @s begin as @form says? 0: a digit; _: a digit or a space; a: a letter; else that character. */
static bool looks(struct span s, const char *form)
{
	size_t i = 0;

	for (; form[i]; i++) {
		char c;

		if (i == s.n)
			return false;
		c = s.p[i];
		if (form[i] == '0' ? !digit(c) :
			form[i] == '_' ? !digit(c) && c != ' ' :
			form[i] == 'a' ? !((c | 32) >= 'a' && (c | 32) <= 'z') : c != form[i])
			return false;
	}
	return true;
}

/* The word at the beginning, without the space behind it; false if there is none, or it is longer than @max. */
static bool word(struct span *s, size_t max, struct span *out)
{
	size_t n = 0;

	while (n < s->n && graphic(s->p[n]))
		n++;
	if (!n || n > max || n == s->n || s->p[n] != ' ')
		return false;
	*out = (struct span){s->p, n};
	cut(s, n + 1);
	return true;
}

/* "Nov 23 23:19:04 ", that with a year, or RFC 3339's. */
static bool date(struct span *s, struct span *out)
{
	size_t n = looks(*s, "aaa _0 00:00:00 0000 ") ? 20 : 15;

	if (looks(*s, "aaa _0 00:00:00 ")) {
		*out = (struct span){s->p, n};
		cut(s, n + 1);
		return true;
	}
	return looks(*s, "0000-00-00T00:00:00") && word(s, 35, out);
}

/* "tag[pid]: " or "tag: " or "tag[pid] "; false: it is text. */
static bool tag(struct span *s, struct syslog_said *o)
{
	size_t n = 0, end;

	while (n < s->n && n <= TAG_MAX && graphic(s->p[n]) && s->p[n] != ':' && s->p[n] != '[')
		n++;
	if (!n || n == s->n || n > TAG_MAX || (s->p[n] != ':' && s->p[n] != '['))
		return false;
	end = n;
	if (s->p[n] == '[') {
		while (end < s->n && end - n <= TAG_MAX && graphic(s->p[end]) && s->p[end] != ']')
			end++;
		if (end == s->n || s->p[end] != ']')
			return false;
		o->pid = (struct span){s->p + n + 1, end - n - 1};
		end++;
	}
	o->tag = (struct span){s->p, n};
	if (end < s->n && s->p[end] == ':')
		end++;
	if (end < s->n && s->p[end] == ' ')
		end++;
	cut(s, end);
	return true;
}

static void rfc3164(struct span *s, struct syslog_said *o)
{
	struct span with_host, host;

	date(s, &o->time);
	if (tag(s, o))
		return;
	/* A word that is no tag, with a tag behind it, is a host's name. */
	with_host = *s;
	if (o->time.n && word(&with_host, HOST_MAX, &host) && tag(&with_host, o)) {
		o->host = host;
		*s = with_host;
	}
}

static bool nil_or_word(struct span *s, size_t max, struct span *out)
{
	if (!word(s, max, out))
		return false;
	if (span_is(*out, "-"))
		out->n = 0;
	return true;
}

/* Behind STRUCTURED-DATA; 0 if it is none. */
static size_t sd_end(struct span s)
{
	size_t i = 0;

	if (s.n && s.p[0] == '-')
		return 1;
	while (i < s.n && s.p[i] == '[') {
		bool quoted = false;

		for (i++; i < s.n && (quoted || s.p[i] != ']'); i++) {
			if (quoted && s.p[i] == '\\')
				i++;
			else if (s.p[i] == '"')
				quoted = !quoted;
		}
		if (i >= s.n)
			return 0;
		i++;
	}
	return i;
}

static bool rfc5424(struct span *s, struct syslog_said *o)
{
	struct syslog_said said = *o;
	struct span rest = *s;
	size_t n;

	if (!looks(rest, "1 "))
		return false;
	cut(&rest, 2);
	if (!nil_or_word(&rest, 64, &said.time) || !nil_or_word(&rest, HOST_MAX, &said.host) ||
		!nil_or_word(&rest, 255, &said.tag) || !nil_or_word(&rest, 128, &said.pid) ||
		!nil_or_word(&rest, 255, &said.msgid) || (said.time.n && !looks(said.time, "0000-00-00T")))
		return false;
	n = sd_end(rest);
	if (!n || (n < rest.n && rest.p[n] != ' '))
		return false;
	said.sd = (struct span){rest.p, *rest.p == '-' ? 0 : n};
	cut(&rest, n < rest.n ? n + 1 : n);
	if (rest.n >= 3 && !memcmp(rest.p, "\xef\xbb\xbf", 3))
		cut(&rest, 3);
	*o = said;
	*s = rest;
	return true;
}

void syslog_parse(struct span s, struct syslog_said *o)
{
	*o = (struct syslog_said){0};
	o->has_pri = syslog_pri(&s, &o->pri);
	if (!o->has_pri || !rfc5424(&s, o))
		rfc3164(&s, o);
	/* syslog(3) on a stream socket ends a message with NUL, programs often with a newline. */
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == 0))
		s.n--;
	o->text = s;
}
