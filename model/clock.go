package model

import (
	"crypto/rand"
	"time"

	"github.com/google/uuid"
)

// Source is where times and identifiers come from. Everything that needs one has it handed in, so that tests are
// exact.
type Source struct {
	Now  func() time.Time // UTC, whole seconds are enough for the API
	UUID func() string    // lower-case canonical text
	MAC  func() MAC       // candidate for a port; the database decides whether it is free
}

// SystemSource is the wall clock, random UUIDs (version 4), and random MAC addresses under Neutron's default prefix fa:16:3e.
func SystemSource() Source {
	return Source{
		Now:  func() time.Time { return time.Now().UTC() },
		UUID: uuid.NewString,
		MAC: func() MAC {
			m := MAC{0xfa, 0x16, 0x3e}
			_, _ = rand.Read(m[3:]) // crypto/rand.Read never fails
			return m
		},
	}
}
