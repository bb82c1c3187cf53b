package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// tool is what the verbs share.
type tool struct {
	client client
	format string
	out    io.Writer
}

// Values of --output.
const (
	formatTable = "table"
	formatJSON  = "json"
)

func newRoot(out io.Writer) *cobra.Command {
	t := &tool{out: out}
	var connection connectionFlags
	root := &cobra.Command{
		Use:   "planckctl",
		Short: "Ask and steer a running Planck controller",
		Long: `planckctl asks and steers a running Planck controller, through its API. It needs no access to the nodes.

Where the controller asks Keystone who sends a request, planckctl takes OS_TOKEN, or OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and
OS_PROJECT_NAME as other clients of OpenStack do. What it does is for administrators.

Exit codes: 0, done and well; 1, the answer is bad news (status, check, db check: there are problems; trace: the packet does
not arrive; wait: not confirmed in time);
2, there is no answer (wrong usage, the controller cannot be reached, it refuses, there is no such thing).`,
		Example: `  planckctl status
  planckctl --api https://controller:9696 --tls-ca ca.pem node list
  planckctl flow list --port web1 --explain`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) (err error) {
			if t.format != formatTable && t.format != formatJSON {
				return fmt.Errorf("--output is %s or %s, not %q", formatTable, formatJSON, t.format)
			}
			t.client, err = connection.client()
			return err
		},
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&t.format, "output", "o", formatTable, "how to print the answer: table, for people; json, as the controller sent it")
	flags.StringVar(&connection.api, "api", environment("OS_NETWORK_ENDPOINT", "http://127.0.0.1:9696"), "URL of the API (OS_NETWORK_ENDPOINT)")
	flags.StringVar(&connection.ca, "tls-ca", os.Getenv("OS_CACERT"), "file of certificates to hold the API's against (OS_CACERT)")
	flags.StringVar(&connection.certificate, "tls-cert", os.Getenv("OS_CERT"), "file of the client certificate (OS_CERT)")
	flags.StringVar(&connection.key, "tls-key", os.Getenv("OS_KEY"), "file of the client certificate's key (OS_KEY)")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{formatTable, formatJSON}, cobra.ShellCompDirectiveNoFileComp))

	root.AddCommand(
		newStatus(t),
		newGroup("node", "Nodes, as the controller sees them",
			newNodeList(t), newNodeShow(t), newNodeReconcile(t), newNodeForget(t), newNodeDelete(t)),
		newGroup("port", "Ports, as the data plane sees them", newPortShow(t)),
		newGroup("router", "Routers, as the data plane sees them", newRouterList(t), newRouterShow(t), newRouterMove(t)),
		newGroup("switch", "Physical OpenFlow switches, and what hangs on them",
			newSwitchList(t), newSwitchShow(t), newSwitchPorts(t), newSwitchLinks(t), newSwitchDeclare(t), newSwitchDelete(t), newSwitchDrivers(t), newSwitchTrees(t)),
		newGroup("flow", "Flow entries and what they are for", newFlowList(t), newFlowExplain(t)),
		newGroup("db", "The database itself", newDBCheck(t), newDBBackup(t), newDBRestore(t)),
		newTrace(t),
		newWhy(t),
		newCheck(t),
		newVerify(t),
		newFreeze(t),
		newThaw(t),
		newTopology(t),
		newSupportBundle(t),
		newWait(t),
		newVersion(t),
	)
	return root
}

// newGroup makes a noun with verbs.
func newGroup(noun, short string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: noun, Short: short,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for i, v := range verbs {
		if i > 0 {
			c.Example += "\n"
		}
		c.Example += v.Example
	}
	c.AddCommand(verbs...)
	return c
}

func environment(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
