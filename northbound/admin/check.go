package admin

import (
	"time"

	"github.com/gin-gonic/gin"
)

// NodeCheck is what the entries of one node were found to be.
type NodeCheck struct {
	Node     string `json:"node"`
	Problem  string `json:"problem,omitempty"` // why it could not be checked, or not mended
	Revision int64  `json:"revision"`          // of the topology that it was checked against
	Entries  int    `json:"entries"`           // flow entries, groups and meters that it should hold
	// Stale lists where the entries that Planck means to have on the node are not those that the topology gives when all is rendered
	// anew: a defect of Planck's.
	Stale []Difference `json:"stale"`
	// Differences lists where the switch holds something else than Planck means it to.
	Differences []Difference  `json:"differences"`
	Repaired    bool          `json:"repaired"` // the differences have been mended since
	Took        time.Duration `json:"took_ns"`
}

// Difference is a flow entry, group or meter that is there and should not, or should be there and is not, or is another.
type Difference struct {
	Node    string   `json:"node"`
	What    string   `json:"what"`              // "flow entry", "group", "meter"
	State   string   `json:"state"`             // "missing", "changed", "extra", "foreign" (extra, and without Planck's mark)
	Table   string   `json:"table,omitempty"`   // of flow entries
	Wanted  string   `json:"wanted,omitempty"`  // in ovs-ofctl syntax, can be pasted
	Present string   `json:"present,omitempty"` // the same
	Rule    string   `json:"rule,omitempty"`
	Source  string   `json:"source,omitempty"` // file:line of the rule
	Owners  []string `json:"owners"`
}

// check answers {"nodes": [...]}, a node a line, each as soon as it is done.
func (h handlers) check(c *gin.Context) error {
	repair, err := boolean(c, "repair")
	if err != nil {
		return err
	}
	return stream(c, "nodes", func(each func(NodeCheck) error) error {
		return h.controller.Check(c.Request.Context(), c.Query("node"), repair, each)
	})
}

// reconcileDryRun answers what a reconcile would send.
func (h handlers) reconcileDryRun(c *gin.Context) error {
	list, err := h.controller.ReconcileDryRun(c.Request.Context(), c.Param("name"))
	if err != nil {
		return err
	}
	answerList(c, "differences", list)
	return nil
}
