// SPDX-License-Identifier: BSD-3-Clause

// Check an exported tile tree, and proofs, with Go's own transparency log library: the signature with
// sumdb/note, every leaf and every tile hashed again with sumdb/tlog (its TileHashReader, which has
// CVE-2026-56865, is not used: nothing is believed that was not computed here).
//
//	tlog DIR [-old CHECKPOINT] [PROOF...]
//	tlog DIR -pruned PROOF
//
// The second form is for a tree without its first leaves: PROOF is that of the record which says so.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fail(format string, args ...interface{}) {
	fmt.Printf("BAD "+format+"\n", args...)
	os.Exit(1)
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		fail("%v", err)
	}
	return data
}

// A checkpoint's size and root, once its signature is verified.
func open(data []byte, v note.Verifier) tlog.Tree {
	n, err := note.Open(data, note.VerifierList(v))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != v.Name() || lines[3] != "" {
		fail("checkpoint text %q", n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		fail("size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		fail("root %q", lines[2])
	}
	return tlog.Tree{N: size, Hash: root}
}

// DIR/tile/WHAT/N[.p/W], N as in c2sp.org/tlog-tiles.
func path(dir, what string, n, width int64) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	if width < 256 {
		s = fmt.Sprintf("%s.p/%d", s, width)
	}
	return filepath.Join(dir, "tile", what, s)
}

type store []tlog.Hash

func (s store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		if i >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d", i)
		}
		out = append(out, s[i])
	}
	return out, nil
}

func leaves(dir string, size int64) store {
	var s store
	for at := int64(0); at < size; at += 256 {
		n := size - at
		if n > 256 {
			n = 256
		}
		bundle := read(path(dir, "entries", at/256, n))
		tile := read(path(dir, "0", at/256, n))
		if int64(len(tile)) != n*32 {
			fail("level 0 tile %d has %d bytes", at/256, len(tile))
		}
		for i := int64(0); i < n; i++ {
			if len(bundle) < 2 {
				fail("bundle %d ends at entry %d", at/256, i)
			}
			l := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+l {
				fail("bundle %d: entry %d is cut", at/256, i)
			}
			h := tlog.RecordHash(bundle[2 : 2+l])
			bundle = bundle[2+l:]
			if !bytes.Equal(h[:], tile[i*32:i*32+32]) {
				fail("leaf %d and its hash differ", at+i)
			}
			more, err := tlog.StoredHashesForRecordHash(at+i, h, s)
			if err != nil {
				fail("%v", err)
			}
			s = append(s, more...)
		}
		if len(bundle) != 0 {
			fail("bundle %d has %d bytes too many", at/256, len(bundle))
		}
	}
	return s
}

func tiles(dir string, size int64, s store) int {
	count := 0
	for level := 0; size>>(8*level) > 0; level++ {
		hashes := size >> (8 * level)
		for at := int64(0); at < hashes; at += 256 {
			n := hashes - at
			if n > 256 {
				n = 256
			}
			tile := read(path(dir, strconv.Itoa(level), at/256, n))
			for i := int64(0); i < n; i++ {
				want := s[tlog.StoredHashIndex(8*level, at+i)]
				if int64(len(tile)) != n*32 || !bytes.Equal(want[:], tile[i*32:i*32+32]) {
					fail("tile %d of level %d", at/256, level)
				}
			}
			count++
		}
	}
	return count
}

// The leaf of a proof, which holds; its index, tree and hashes.
func take(file string, v note.Verifier) ([]byte, int64, tlog.Tree, tlog.RecordProof) {
	head, checkpoint, ok := bytes.Cut(read(file), []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("%s: not a proof", file)
	}
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		fail("%s: %v", file, err)
	}
	_, leaf, ok := bytes.Cut(extra, []byte("\n"))
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil || !ok {
		fail("%s: index %q", file, lines[2])
	}
	var p tlog.RecordProof
	for _, line := range lines[3:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			fail("%s: %v", file, err)
		}
		p = append(p, h)
	}
	tree := open(checkpoint, v)
	if err := tlog.CheckRecord(p, tree.N, tree.Hash, index, tlog.RecordHash(leaf)); err != nil {
		fail("%s: %v", file, err)
	}
	return leaf, index, tree, p
}

func proof(file string, v note.Verifier, s store) {
	_, index, tree, p := take(file, v)
	want, err := tlog.ProveRecord(tree.N, index, s)
	if err != nil || len(want) != len(p) {
		fail("%s: another proof than ours: %v", file, err)
	}
	fmt.Printf("proof of %d holds\n", index)
}

// The value of parameter name in a leaf.
func param(leaf []byte, name string) string {
	_, rest, _ := strings.Cut(string(leaf), " "+name+"=\"")
	value, _, ok := strings.Cut(rest, "\"")
	if !ok {
		fail("no %s in %q", name, leaf)
	}
	return value
}

// Root of leaves lo to hi-1: of the pruned ones the tiles of level 2 have it, 65,536 at a time.
func rootOf(dir string, lo, hi, first, size int64, leaf func(int64) tlog.Hash) tlog.Hash {
	if hi <= first && hi-lo == 65536 {
		n := size >> 16 - lo>>16&^255
		if n > 256 {
			n = 256
		}
		var h tlog.Hash
		copy(h[:], read(path(dir, "2", lo>>24, n))[lo>>16%256*32:])
		return h
	}
	if hi-lo == 1 {
		return leaf(lo)
	}
	k := int64(1)
	for k*2 < hi-lo {
		k *= 2
	}
	return tlog.NodeHash(rootOf(dir, lo, lo+k, first, size, leaf), rootOf(dir, lo+k, hi, first, size, leaf))
}

// What was pruned is what a signed record says, and with the rest it leads to the signed root.
func pruned(dir string, tree tlog.Tree, file string, v note.Verifier) {
	leaf, at, _, _ := take(file, v)
	if !strings.Contains(string(leaf[:120]), " logvisor - prune [") {
		fail("%s: no prune record: %q", file, leaf)
	}
	first, err := strconv.ParseInt(param(leaf, "first"), 10, 64)
	if err != nil || first%65536 != 0 || first > at || at >= tree.N {
		fail("%s: first %d, record %d", file, first, at)
	}
	if root := rootOf(dir, 0, first, first, tree.N, nil); root.String() != param(leaf, "root") {
		fail("%s: the root of %d leaves is %v", file, first, root)
	}
	var hashes []tlog.Hash
	for at := first; at < tree.N; at += 256 {
		n := tree.N - at
		if n > 256 {
			n = 256
		}
		for bundle := read(path(dir, "entries", at/256, n)); len(bundle) > 0; {
			l := int(binary.BigEndian.Uint16(bundle))
			hashes = append(hashes, tlog.RecordHash(bundle[2:2+l]))
			bundle = bundle[2+l:]
		}
	}
	root := rootOf(dir, 0, tree.N, first, tree.N, func(i int64) tlog.Hash { return hashes[i-first] })
	if int64(len(hashes)) != tree.N-first || root != tree.Hash {
		fail("root of %d leaves: %v, signed %v", tree.N, root, tree.Hash)
	}
	fmt.Printf("record %d says that %d leaves were pruned; the others lead to the signed root\n", at, first)
}

func main() {
	dir, rest := os.Args[1], os.Args[2:]
	v, err := note.NewVerifier(strings.TrimSpace(string(read(filepath.Join(dir, "vkey")))))
	if err != nil {
		fail("vkey: %v", err)
	}
	tree := open(read(filepath.Join(dir, "checkpoint")), v)
	if len(rest) == 2 && rest[0] == "-pruned" {
		pruned(dir, tree, rest[1], v)
		return
	}
	s := leaves(dir, tree.N)
	root, err := tlog.TreeHash(tree.N, s)
	if err != nil || root != tree.Hash {
		fail("root of %d leaves: %v, signed %v (%v)", tree.N, root, tree.Hash, err)
	}
	n := tiles(dir, tree.N, s)
	fmt.Printf("%d leaves and %d tiles lead to the signed root\n", tree.N, n)
	if len(rest) > 1 && rest[0] == "-old" {
		old := open(read(rest[1]), v)
		p, err := tlog.ProveTree(tree.N, old.N, s)
		if err == nil {
			err = tlog.CheckTree(p, tree.N, tree.Hash, old.N, old.Hash)
		}
		if err != nil {
			fail("the tree of %d does not grow into that of %d: %v", old.N, tree.N, err)
		}
		fmt.Printf("the tree of %d grows into that of %d\n", old.N, tree.N)
		rest = rest[2:]
	}
	for _, file := range rest {
		proof(file, v, s)
	}
}
