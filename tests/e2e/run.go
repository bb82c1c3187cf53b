package e2e

import "testing"

// current is the test that a cloud serves at the moment: that of Start, or a part of it.
type current struct{ testing.TB }

// Run runs a part of a story as a subtest on the same cloud: what fails in it, in the harness too, is the subtest's.
// Parts run one after the other.
func (c *Cloud) Run(name string, part func(t *testing.T)) {
	whole := c.t.(*current)
	outer := whole.TB
	outer.(*testing.T).Run(name, func(t *testing.T) {
		whole.TB = t
		defer func() { whole.TB = outer }()
		part(t)
	})
}
