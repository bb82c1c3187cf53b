package flow

import (
	"strings"
	"testing"
)

func TestForeignEntryHasAKeyAndEqualsNone(t *testing.T) {
	ours := Entry{Table: 3, Priority: 7, Cookie: NewCookie(1, 2, 3), Match: Match{Exact(InPort, 9)}, Flags: 1}
	wire := "\x00\x03\x00\x08\x00\x00\x00\x00" // write-actions

	changed := EncodeForeign(ours, "", wire)
	if changed.Key() != Encode(ours).Key() || changed == Encode(ours) || changed.Cookie() != ours.Cookie || changed.Flags() != 1 {
		t.Errorf("foreign instructions: %x", string(changed))
	}
	if _, ok := changed.Key().ForeignMatch(); ok {
		t.Error("a match that is known is foreign")
	}
	if e, err := changed.Key().Decode(); err != nil || len(e.Match) != 1 || e.Match[0] != ours.Match[0] || e.Table != 3 || e.Priority != 7 {
		t.Errorf("key decodes as %+v, %v", e, err)
	}

	oxm := "\x00\x01\x06\x04\x00\x00\x00\x07" // reg3=7
	for _, match := range []string{oxm, strings.Repeat(oxm, 1000)} {
		f := EncodeForeign(ours, match, "")
		if got, ok := f.Key().ForeignMatch(); !ok || got != match || f.Table() != 3 || f.Priority() != 7 || f.Cookie() != ours.Cookie {
			t.Errorf("foreign match: %x", string(f))
		}
		if _, err := f.Key().Decode(); err == nil {
			t.Error("a foreign match decodes")
		}
		if _, err := f.Decode(); err == nil || !f.IsForeign() {
			t.Error("a foreign entry decodes")
		}
	}
	if Encode(ours).IsForeign() || Encode(Entry{Apply: []Action{PopVLAN{}}}).IsForeign() || Encoded("").IsForeign() {
		t.Error("an entry of ours is foreign")
	}
	if Encode(Entry{Match: Match{{Field: 0, Value: 1, Mask: 1}}}).Key() == EncodeForeign(Entry{}, oxm, "").Key() {
		t.Error("an entry with a bad field has the key of a foreign one")
	}
}
