package flow

import (
	"fmt"
	"strings"
)

// ctStateNames are Open vSwitch's words for the bits of ct_state, from bit 0.
var ctStateNames = []string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}

// fragNames are Open vSwitch's words for matches of nw_frag. (What it has no word for it prints so that it cannot be read back.)
var fragNames = map[string]FieldMatch{
	"no":        {IPFrag, 0, FragAny | FragLater},
	"first":     {IPFrag, FragAny, FragAny | FragLater},
	"later":     {IPFrag, FragAny | FragLater, FragAny | FragLater},
	"not_later": {IPFrag, 0, FragLater},
	"yes":       {IPFrag, FragAny, FragAny},
}

// wordsText writes a match in words, if there are words for it.
func wordsText(m FieldMatch) (string, bool) {
	switch m.Field.notation() {
	case flagWords:
		return flagsText(m)
	case fragWord:
		for word, known := range fragNames {
			if m == known {
				return word, true
			}
		}
	}
	return "", false
}

// flagsText writes +new-est; for all bits new|est.
func flagsText(m FieldMatch) (string, bool) {
	var exact []string
	var b strings.Builder
	for i, name := range ctStateNames {
		switch {
		case m.Value>>i&1 != 0:
			exact = append(exact, name)
			b.WriteString("+" + name)
		case m.Mask>>i&1 != 0:
			b.WriteString("-" + name)
		}
	}
	if m.Mask == m.Field.AllOnes() {
		return strings.Join(exact, "|"), len(exact) > 0
	}
	return b.String(), true
}

// parseWords reads what wordsText writes; isWords is false for numbers, and for fields without words.
func parseWords(f Field, s string) (m FieldMatch, isWords bool, err error) {
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		return m, false, nil
	}
	switch f.notation() {
	case flagWords:
		m, err = parseFlags(f, s)
		return m, true, err
	case fragWord:
		m, ok := fragNames[s]
		if !ok {
			err = fmt.Errorf("%q is not known", s)
		}
		return m, true, err
	}
	return m, false, nil
}

// parseFlags reads +new-est, or new|est for all bits.
func parseFlags(f Field, s string) (FieldMatch, error) {
	m := FieldMatch{Field: f}
	sign := byte('|')
	if s[0] == '+' || s[0] == '-' {
		sign, s = s[0], s[1:]
	}
	exact := sign == '|'
	for {
		end := strings.IndexAny(s, "+-|")
		name := s
		if end >= 0 {
			name = s[:end]
		}
		bit := ctStateBit(name)
		if bit == 0 || bit&m.Mask != 0 || exact != (sign == '|') {
			return m, fmt.Errorf("%q is not known here", name)
		}
		m.Mask |= bit
		if sign != '-' {
			m.Value |= bit
		}
		if end < 0 {
			break
		}
		sign, s = s[end], s[end+1:]
	}
	if exact {
		m.Mask = f.AllOnes()
	}
	return m, nil
}

func ctStateBit(name string) uint64 {
	for i, n := range ctStateNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}
