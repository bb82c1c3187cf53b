package pipeline

import (
	"regexp"

	"github.com/planck-sdn/planck/model"
)

// Driver is what a kind of physical switch needs to be spoken to, as data: nothing asks for the driver's name. A switch that is not
// like one of these can be given another driver by its operator, and a new kind is a row of Drivers.
type Driver struct {
	Name string
	// Manufacturer, Hardware and Software are regular expressions over a switch's description (OpenFlow 1.3.5, 7.3.5.1); empty: any.
	Manufacturer, Hardware, Software string

	// GroupAll: groups of type all work. Otherwise what is flooded is a list of outputs in each entry.
	GroupAll bool
	// Meters: they work, if the switch says that it has some.
	Meters bool
	// DecTTL: the switch can decrement the TTL. (Nothing does, on physical switches: it is in what is asked for.)
	DecTTL bool
	// NegotiateTables: the tables are what the controller asks for by a table features request (7.3.5.5); otherwise they are as they are.
	NegotiateTables bool
	// StaticTables: a request for tables must not change which ids there are.
	StaticTables bool
	// FieldIDs: a request names the fields that tables match. Otherwise it has none, and the switch takes any.
	FieldIDs bool
	// DeclareMasks: a field that is matched with a mask is declared to have one; otherwise that goes without saying.
	DeclareMasks bool
	// RequiredProperties: properties that the specification calls required are in a request also when they are empty.
	RequiredProperties bool
	// DeleteGroupsFirst: groups that no entry uses take room of entries, and go first when a switch is reconciled.
	DeleteGroupsFirst bool
	// Sizes are how many entries are asked for in each table, by name; those that are left out get DefaultSize.
	Sizes       map[string]uint32
	DefaultSize uint32
}

// Drivers lists the drivers; the first whose expressions match a switch's description is used.
var Drivers = []*Driver{
	{Name: "openvswitch", Manufacturer: `^Nicira`, Hardware: `^Open vSwitch$`, GroupAll: true, Meters: true, DecTTL: true},
	{Name: "generic", GroupAll: true, Meters: true, NegotiateTables: true, FieldIDs: true, DeclareMasks: true, RequiredProperties: true,
		DefaultSize: 1024, Sizes: map[string]uint32{"port": 256, "forward": 8192}},
	// Behind generic, which takes any: an operator chooses it for a switch that has no groups or meters, or whose do not work.
	{Name: "plain", DeclareMasks: true},
}

// DriverByName returns a driver, or nil.
func DriverByName(name string) *Driver {
	for _, d := range Drivers {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// DriverFor chooses the driver of a switch: the one that its operator says, or else by its description.
func DriverFor(d model.Description, override string) *Driver {
	if chosen := DriverByName(override); chosen != nil {
		return chosen
	}
	for _, x := range Drivers {
		if like(x.Manufacturer, d.Manufacturer) && like(x.Hardware, d.Hardware) && like(x.Software, d.Software) {
			return x
		}
	}
	return Drivers[len(Drivers)-1]
}

func like(expression, text string) bool { return regexp.MustCompile(expression).MatchString(text) }

// DriverOf is the driver of a node that is a physical switch.
func DriverOf(n *model.Node) *Driver {
	if d := DriverByName(n.Switch.Driver); d != nil {
		return d
	}
	return DriverFor(n.Switch.Description, n.Switch.Override)
}

// Driver is the driver of the node's switch.
func (c *Context) Driver() *Driver { return DriverOf(c.Node) }
