package fabric

import (
	"errors"
	"testing"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

func TestFrame(t *testing.T) {
	a := announcement{datapathID: 0x1020304050607, port: 49, nonce: 1<<63 + 5}
	frame, err := a.frame(testKey, nearest)
	if err != nil {
		t.Fatal(err)
	}
	if len(frame) < 60 {
		t.Errorf("a frame of %d octets is shorter than Ethernet's", len(frame))
	}
	if got, err := parse(frame, testKey); err != nil || got != a {
		t.Errorf("read back as %+v: %v", got, err)
	}
	if _, err := parse(frame, []byte("another cloud's")); !errors.Is(err, errForged) {
		t.Errorf("with another key: %v", err)
	}
	for i := 12; i < len(frame); i++ { // the addresses prove nothing
		for bit := range 8 {
			bad := append([]byte(nil), frame...)
			bad[i] ^= 1 << bit
			if got, err := parse(bad, testKey); err == nil && got != a {
				t.Fatalf("octet %d, bit %d: taken as %+v", i, bit, got)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	frame, _ := announcement{1, 2, 3}.frame(testKey, nearest)
	f.Add(frame)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := parse(b, testKey); err == nil && a != (announcement{1, 2, 3}) {
			t.Fatalf("forged %+v", a)
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	for range b.N {
		frame, err := announcement{1, 2, 3}.frame(testKey, nearest)
		if err == nil {
			_, err = parse(frame, testKey)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
