// SPDX-License-Identifier: BSD-3-Clause

// Checkpoints of one log that are well-formed or not, and what Go's sumdb/note says of each.
//
//	notes VKEY KEY CHECKPOINT OUT
//
// OUT/NN is made for each, signed anew with the PEM file KEY where its text differs; printed is a line
// "NN accept|refuse|stricter WHAT". "stricter": Go takes it and we do not, on purpose.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const dash = "\u2014 "

func read(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return data
}

type signer struct {
	name string
	id   uint32
	key  ed25519.PrivateKey
}

func (s signer) Name() string                    { return s.name }
func (s signer) KeyHash() uint32                 { return s.id }
func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// The base64 of a signature line of ours over text, its bytes changed by f.
func (s signer) sig(text string, f func([]byte) []byte) string {
	b := []byte{byte(s.id >> 24), byte(s.id >> 16), byte(s.id >> 8), byte(s.id)}
	return base64.StdEncoding.EncodeToString(f(append(b, ed25519.Sign(s.key, []byte(text))...)))
}

func same(b []byte) []byte { return b }

// c2sp.org/tlog-checkpoint, "Note text": what note.Open() does not look at.
func checkpoint(text, origin string) bool {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || lines[0] != origin {
		return false
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return false
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != 32 {
		return false
	}
	for _, line := range lines[3:] {
		if line == "" {
			return false
		}
	}
	return true
}

func main() {
	vkey := strings.TrimSpace(string(read(os.Args[1])))
	v, err := note.NewVerifier(vkey)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	block, _ := pem.Decode(read(os.Args[2]))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	s := signer{v.Name(), v.KeyHash(), key.(ed25519.PrivateKey)}
	written := string(read(os.Args[3]))
	text, sigs, _ := strings.Cut(written, "\n\n")
	text += "\n"
	lines := strings.Split(text, "\n")
	origin, size, root := lines[0], lines[1], lines[2]

	signed := func(text string) string { // with our signature
		return text + "\n" + dash + s.name + " " + s.sig(text, same) + "\n"
	}
	lined := func(line string) string { // the written note, another line before and after
		return text + "\n" + line + sigs + line
	}
	named := func(name, b64 string) string { return lined(dash + name + " " + b64 + "\n") }
	ours := func(b64 string) string { return text + "\n" + dash + s.name + " " + b64 + "\n" }
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 68))
	short := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, n)) }
	many := func(n int) string {
		out := written
		for i := 1; i < n; i++ {
			out += fmt.Sprintf("%sw%d %s\n", dash, i, other)
		}
		return out
	}
	good := s.sig(text, same)

	table := []struct{ what, note string }{
		{"as written", written},
		{"signed by Go", signed(text)},
		{"an extension line", signed(text + "extension\n")},
		{"a line separator and a delete in an extension", signed(text + "a\u2028b\x7f\n")},
		{"cosignatures around", named("witness.example/w1", other)},
		{"a cosigner's name in UTF-8", named("grüße.example", other)},
		{"a cosignature of one byte", named("witness.example/w1", short(5))},
		{"our name, another id", named(s.name, other)},
		{"the same signature twice", written + sigs},
		{"100 signatures", many(100)},
		{"101 signatures", many(101)},
		{"nothing", ""},
		{"a newline", "\n"},
		{"text without signatures", text},
		{"text and a blank line", text + "\n"},
		{"no final newline", strings.TrimSuffix(written, "\n")},
		{"a blank line at the end", written + "\n"},
		{"garbage among the signatures", lined("garbage\n")},
		{"a comment among the signatures", lined("# checked by hand\n")},
		{"a hyphen for the dash", strings.Replace(written, dash, "- ", 1)},
		{"an en dash", strings.Replace(written, dash, "\u2013 ", 1)},
		{"no space after the dash", strings.Replace(written, dash, "\u2014", 1)},
		{"a no-break space after the dash", strings.Replace(written, dash, "\u2014\u00a0", 1)},
		{"a space before the dash", strings.Replace(written, dash, " "+dash, 1)},
		{"a name without a signature", lined(dash + "witness.example/w1\n")},
		{"an empty signature", named("witness.example/w1", "")},
		{"an empty name", named("", other)},
		{"a plus in a name", named("witness.example+w1", other)},
		{"a no-break space in a name", named("witness\u00a0w1", other)},
		{"a next line in a name", named("witness\u0085w1", other)},
		{"an em space in a name", named("witness\u2003w1", other)},
		{"an ideographic space in a name", named("witness\u3000w1", other)},
		{"a name that is not UTF-8", named("witness\xffw1", other)},
		{"two spaces before a signature", named("witness.example/w1", " "+other)},
		{"a space after a signature", named("witness.example/w1", other+" ")},
		{"a character that is not base64", named("witness.example/w1", "*"+other[1:])},
		{"base64 for addresses", named("witness.example/w1", "-_"+other[2:])},
		{"base64 without padding", named("witness.example/w1", strings.TrimRight(other, "="))},
		{"base64 with too much padding", named("witness.example/w1", other+"=")},
		{"base64 that goes on after padding", named("witness.example/w1", other+other)},
		{"a signature of four bytes", named("witness.example/w1", short(4))},
		{"a signature of one byte", named("witness.example/w1", short(1))},
		{"ours flipped", ours(s.sig(text, func(b []byte) []byte { b[40] ^= 1; return b }))},
		{"ours cut", ours(s.sig(text, func(b []byte) []byte { return b[:60] }))},
		{"ours too long", ours(s.sig(text, func(b []byte) []byte { return append(b, 0) }))},
		{"ours with one byte", ours(s.sig(text, func(b []byte) []byte { return b[:5] }))},
		{"ours by another id", ours(s.sig(text, func(b []byte) []byte { b[0] ^= 1; return b }))},
		{"ours by another name", strings.Replace(written, dash+s.name, dash+s.name+"x", 1)},
		{"no signature by us", text + "\n" + dash + "witness.example/w1 " + other + "\n"},
		{"another size", strings.Replace(written, "\n"+size+"\n", "\n1"+size+"\n", 1)},
		{"a carriage return at each line's end", strings.ReplaceAll(written, "\n", "\r\n")},
		{"a tab in an extension", signed(text + "a\tb\n")},
		{"a NUL in an extension", signed(text + "a\x00b\n")},
		{"an escape in an extension", signed(text + "a\x1bb\n")},
		{"a byte that is not UTF-8", signed(text + "a\xffb\n")},
		{"an overlong form", signed(text + "a\xc0\x80b\n")},
		{"a surrogate", signed(text + "a\xed\xa0\x80b\n")},
		{"beyond Unicode", signed(text + "a\xf4\x90\x80\x80b\n")},
		{"a character cut off", signed(text + "a\xe2\x80\n")},
		{"a byte order mark", signed("\ufeff" + text)},
		{"an empty origin", signed("\n" + size + "\n" + root + "\n")},
		{"another origin", signed(origin + "x\n" + size + "\n" + root + "\n")},
		{"an empty extension", signed(text + "\nextension\n")},
		{"no size", signed(origin + "\n" + root + "\n")},
		{"a size with a zero before it", signed(origin + "\n0" + size + "\n" + root + "\n")},
		{"a size with a sign", signed(origin + "\n+" + size + "\n" + root + "\n")},
		{"a size of 65 bits", signed(origin + "\n36893488147419103232\n" + root + "\n")},
		{"a root too short", signed(origin + "\n" + size + "\n" + root[:40] + "\n")},
		{"a root with bits beyond its end", signed(origin + "\n" + size + "\n" + beyond(root) + "\n")},

		{"stricter: base64 with bits beyond its end", ours(beyond(good))},
		{"stricter: a second one of ours, wrong", written + dash + s.name + " " +
			s.sig(text, func(b []byte) []byte { b[40] ^= 1; return b }) + "\n"},
	}
	for i, t := range table {
		n, err := note.Open([]byte(t.note), note.VerifierList(v))
		says := "refuse"
		if err == nil && checkpoint(n.Text, s.name) {
			says = "accept"
		}
		if strings.HasPrefix(t.what, "stricter") && says == "accept" {
			says = "stricter"
		}
		file := fmt.Sprintf("%02d", i)
		if err := os.WriteFile(filepath.Join(os.Args[4], file), []byte(t.note), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Println(file, says, t.what)
	}
}

// The last digit before the padding with its lowest bit set, which stands for nothing.
func beyond(b64 string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	at := len(strings.TrimRight(b64, "=")) - 1
	return b64[:at] + string(digits[strings.IndexByte(digits, b64[at])|1]) + b64[at+1:]
}
