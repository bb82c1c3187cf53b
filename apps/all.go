// Package apps lists the network functions that Planck has.
package apps

import (
	"github.com/planck-sdn/planck/apps/arp"
	"github.com/planck-sdn/planck/apps/base"
	"github.com/planck-sdn/planck/apps/dhcp"
	"github.com/planck-sdn/planck/apps/guard"
	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/nat"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/router"
	"github.com/planck-sdn/planck/apps/security"
)

var all = []*pipeline.App{base.App, l2.App, guard.App, dhcp.App, arp.App, security.App, router.App, nat.App}

// All lists the apps in the order in which their tables come.
func All() []*pipeline.App { return all }
