package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// Switch is a physical OpenFlow switch: a declared one, or one that has called and waits to be declared. In a list it comes without what it
// consists of.
type Switch struct {
	Name              string     `json:"name"` // empty: it is not declared
	DatapathID        string     `json:"datapath_id"`
	Declared          bool       `json:"declared"`
	Address           string     `json:"address,omitempty"`   // from where it last called
	LastSeen          *time.Time `json:"last_seen,omitempty"` // when it last called, of one that is not declared
	Number            uint64     `json:"number,omitempty"`
	PhysicalNetwork   string     `json:"physical_network"`
	Driver            string     `json:"driver"`          // in use; empty: it has not reported yet
	DriverOverride    string     `json:"driver_override"` // what an operator wants it to be; empty: chosen by its description
	OpenFlowConnected bool       `json:"openflow_connected"`
	Master            bool       `json:"master"` // this replica is
	State             string     `json:"state"`  // as of nodes, or "undeclared"
	Problem           string     `json:"problem,omitempty"`
	ConfirmedRevision int64      `json:"confirmed_revision"`
	Frozen            bool       `json:"frozen"`
	PortsTotal        int        `json:"ports_total"`
	PortsUp           int        `json:"ports_up"`
	Flows             int        `json:"flows"`
	Groups            int        `json:"groups"`
	Meters            int        `json:"meters"`
	MaxMeters         uint32     `json:"max_meters"` // 0: it has none

	Manufacturer string         `json:"manufacturer,omitempty"` // of a single switch only, as the following
	Hardware     string         `json:"hardware,omitempty"`
	Software     string         `json:"software,omitempty"`
	SerialNumber string         `json:"serial_number,omitempty"`
	Uplinks      []SwitchUplink `json:"uplinks,omitempty"`
	Tables       []SwitchTable  `json:"tables,omitempty"`
	Ports        []SwitchPort   `json:"ports,omitempty"`
	Links        []SwitchLink   `json:"links,omitempty"`
	Quarantined  []Quarantined  `json:"quarantined,omitempty"`
}

// SwitchUplink is a port behind which a node's mapped bridge is, or the world outside.
type SwitchUplink struct {
	Port     string `json:"port"`     // name or number
	Hostname string `json:"hostname"` // of the node; empty: the world outside
}

// SwitchTable is how full a table is.
type SwitchTable struct {
	ID         uint8    `json:"id"`
	Name       string   `json:"name"`
	Flows      int      `json:"flows"`       // that the switch should have there
	MaxEntries uint32   `json:"max_entries"` // 0: the switch has promised nothing
	Lacks      []string `json:"lacks"`       // fields that the pipeline would match there and the switch cannot
}

// SwitchPort is a port of a switch and what hangs there.
type SwitchPort struct {
	Number uint32 `json:"number"`
	Name   string `json:"name"`
	MAC    string `json:"mac_address"`
	Up     bool   `json:"up"`
	Role   string `json:"role"` // "bare metal", "link", "uplink", "" (nothing that is known)
	// Peer is what a link or an uplink leads to: "leaf2 port 49 (eth49)", a node's hostname, or "outside".
	Peer  string       `json:"peer,omitempty"`
	Hosts []SwitchHost `json:"hosts"` // the ports of bare metal that are bound there
}

// SwitchHost is a port of bare metal at a port of a switch.
type SwitchHost struct {
	PortID    string `json:"port_id"`
	Name      string `json:"name"`
	NetworkID string `json:"network_id"`
	MAC       string `json:"mac_address"`
	Tag       uint32 `json:"tag"` // VLAN id of its frames there; 0: they have none
	Status    string `json:"status"`
}

// SwitchLink joins ports of two switches, or of a switch and a node's mapped bridge.
type SwitchLink struct {
	Number uint64  `json:"number"` // the higher, the younger
	A      LinkEnd `json:"a"`
	B      LinkEnd `json:"b"`
	Up     bool    `json:"up"`
	InTree bool    `json:"in_tree"` // frames go there; the others wait
}

// LinkEnd is a port at one end of a link.
type LinkEnd struct {
	Node string `json:"node"` // the switch's name, or a node's hostname
	Port uint32 `json:"port"`
	Name string `json:"name"` // of the port, if it has one
}

// Fabric is the switches of a physical network, and how they are joined.
type Fabric struct {
	PhysicalNetwork string         `json:"physical_network"`
	Switches        []string       `json:"switches"` // names
	Parts           [][]string     `json:"parts"`    // of switches that reach each other; a fabric that is whole has one
	Links           []SwitchLink   `json:"links"`
	Uplinks         []FabricUplink `json:"uplinks"` // those in use
}

// FabricUplink is a port by which a node, or the world outside, is reached.
type FabricUplink struct {
	Switch string `json:"switch"`
	Port   uint32 `json:"port"`
	Name   string `json:"name"`
	Node   string `json:"node"` // empty: the world outside
}

// Driver is what is known of a kind of switch: how it is recognised, and what it is like.
type Driver struct {
	Name         string `json:"name"`
	Manufacturer string `json:"manufacturer"` // regular expression that this part of its description matches; empty: anything does
	Hardware     string `json:"hardware"`     // the same
	Software     string `json:"software"`     // the same
	// Traits are what distinguishes it: "group all" (it floods by groups), "meters", "decrements TTL", "negotiates tables" and so on.
	Traits []string `json:"traits"`
	// Sizes are how many entries are asked for in each table, where tables are negotiated; "" is of all others.
	Sizes map[string]uint32 `json:"sizes"`
}

// SwitchDeclaration is what an operator says of a switch.
type SwitchDeclaration struct {
	Name            string         `json:"name"`
	PhysicalNetwork string         `json:"physical_network"`
	Driver          string         `json:"driver"` // name of a driver that is used whatever the switch says it is; empty: by its description
	Uplinks         []SwitchUplink `json:"uplinks"`
}

func (h handlers) switches(c *gin.Context) error {
	list, err := h.controller.Switches(c.Request.Context())
	if err != nil {
		return err
	}
	answerList(c, "switches", list)
	return nil
}

func (h handlers) physicalSwitch(c *gin.Context) error {
	s, err := h.controller.Switch(c.Request.Context(), c.Param("name"))
	if err != nil {
		return err
	}
	answer(c, s)
	return nil
}

func (h handlers) switchPorts(c *gin.Context) error {
	s, err := h.controller.Switch(c.Request.Context(), c.Param("name"))
	if err != nil {
		return err
	}
	answerList(c, "ports", s.Ports)
	return nil
}

func (h handlers) switchLinks(c *gin.Context) error {
	s, err := h.controller.Switch(c.Request.Context(), c.Param("name"))
	if err != nil {
		return err
	}
	answerList(c, "links", s.Links)
	return nil
}

// maxDeclaration is how many bytes the body of a declaration may have.
const maxDeclaration = 1 << 20

// declareSwitch answers the switch as it is then.
func (h handlers) declareSwitch(c *gin.Context) error {
	var d SwitchDeclaration
	if err := decode(http.MaxBytesReader(c.Writer, c.Request.Body, maxDeclaration), &d); err != nil {
		return badRequest("The declaration of a switch is not as it should be: %s.", err)
	}
	s, err := h.controller.DeclareSwitch(c.Request.Context(), c.Param("name"), d)
	if err != nil {
		return err
	}
	answer(c, s)
	return nil
}

// decode reads one JSON object, and refuses what it does not know: a field that is misspelt would otherwise be lost.
func decode(body io.Reader, v any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("there is no body")
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the object")
	}
	return nil
}

func (h handlers) deleteSwitch(c *gin.Context) error {
	return done(c, h.controller.DeleteSwitch(c.Request.Context(), c.Param("name")))
}

func (h handlers) fabrics(c *gin.Context) error {
	list, err := h.controller.Fabrics(c.Request.Context())
	if err != nil {
		return err
	}
	answerList(c, "fabrics", list)
	return nil
}

func (h handlers) drivers(c *gin.Context) error {
	list, err := h.controller.Drivers(c.Request.Context())
	if err != nil {
		return err
	}
	answerList(c, "drivers", list)
	return nil
}
