package admin

import "github.com/gin-gonic/gin"

// FlowQuery selects flow entries; empty fields select all.
type FlowQuery struct {
	Node    string // hostname or system-id
	Port    string // UUID, as below
	Network string
	Router  string
	Project string // its id: entries of which an owner is the project's
	App     string
	Table   string // name or number
	// Counters asks the switches for packets, bytes and ages. It costs them work in proportion to their entries.
	Counters bool
}

// Flow is a flow entry with its owner.
type Flow struct {
	Node     string   `json:"node"`
	Table    string   `json:"table"`
	TableID  uint8    `json:"table_id"`
	Priority uint16   `json:"priority"`
	Cookie   string   `json:"cookie"`
	Entry    string   `json:"entry"` // ovs-ofctl syntax, can be pasted
	App      string   `json:"app"`
	Rule     string   `json:"rule"`
	Explain  string   `json:"explain"`
	Source   string   `json:"source"`  // file:line of the rule
	Owners   []string `json:"owners"`  // "port 6f1c… (web1)"; several units may want the same entry
	Wanted   bool     `json:"wanted"`  // the topology asks for it
	Present  bool     `json:"present"` // confirmed by the switch; with Counters: read from the switch just now

	Counters *FlowCounters `json:"counters,omitempty"`
	// Problem instead of all else but Node: its switch could not be asked.
	Problem string `json:"problem,omitempty"`
}

// FlowCounters are what a switch has counted for a flow entry (OpenFlow 1.3.5, 7.3.5.2).
type FlowCounters struct {
	Packets uint64  `json:"packets"`
	Bytes   uint64  `json:"bytes"`
	Age     float64 `json:"age_seconds"` // since the switch has the entry
	// Idle is for how long no packet has met the entry. OpenFlow 1.3 does not tell: it is known of an entry that no packet has ever met,
	// and from the second time on that a switch was asked. nil: not known.
	Idle *float64 `json:"idle_seconds,omitempty"`
}

// flows answers {"flows": [...]}, one entry a line. There may be a hundred thousand of them.
func (h handlers) flows(c *gin.Context) error {
	q := FlowQuery{Node: c.Query("node"), Port: c.Query("port"), Network: c.Query("network"), Router: c.Query("router"),
		Project: c.Query("project"), App: c.Query("app"), Table: c.Query("table")}
	var err error
	if q.Counters, err = boolean(c, "counters"); err != nil {
		return err
	}
	return stream(c, "flows", func(each func(Flow) error) error { return h.controller.Flows(c.Request.Context(), q, each) })
}
