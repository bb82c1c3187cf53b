package admin

import (
	"time"

	"github.com/gin-gonic/gin"
)

// NodeProof is what the tables of one node, as they are on its switch, were proved to do or not to do.
type NodeProof struct {
	Node       string        `json:"node"`
	Problem    string        `json:"problem,omitempty"` // why nothing is proved
	Revision   int64         `json:"revision"`          // of the topology that it was held against
	Entries    int           `json:"entries"`           // flow entries read from the switch
	Ports      int           `json:"ports"`             // local ports whose packets were followed
	Pairs      int           `json:"pairs"`             // witnesses of what must be reachable
	Violations []Violation   `json:"violations"`
	More       int           `json:"more,omitempty"` // violations beyond those
	Took       time.Duration `json:"took_ns"`
}

// Violation is a packet that goes where it must not, or one that does not arrive where it must.
type Violation struct {
	Contract string     `json:"contract"` // which property is broken, in a word
	Text     string     `json:"text"`     // the same in a sentence
	Packet   string     `json:"packet"`   // in ovs-ofctl syntax; fields that do not matter are left out
	Way      []PassedBy `json:"way"`      // the entries that the packet meets
	// Confirmed: a packet in a switch in memory with these tables took that way. Otherwise nothing in the tables rules it out.
	Confirmed bool `json:"confirmed"`
}

// PassedBy is an entry on a packet's way.
type PassedBy struct {
	Node   string   `json:"node"`
	Table  string   `json:"table"`
	Entry  string   `json:"entry"` // in ovs-ofctl syntax; empty: nothing matched
	Cookie string   `json:"cookie"`
	Rule   string   `json:"rule"`
	Doc    string   `json:"doc"` // what the rule does, in a sentence; of an empty Entry what becomes of the packet
	Source string   `json:"source"`
	Owners []string `json:"owners"`
}

// verify answers {"nodes": [...]}, a node a line, each as soon as it is done.
func (h handlers) verify(c *gin.Context) error {
	return stream(c, "nodes", func(each func(NodeProof) error) error {
		return h.controller.Verify(c.Request.Context(), c.Query("node"), each)
	})
}
