package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// settings are what planckd is started with. Each is a flag, PLANCK_… in the environment, and a key in the file; the
// first of these that names it wins. OpenStack's own, OS_…, are no flags: everyone on a machine can read those.
type settings struct {
	config         string
	listenAPI      string
	listenOpenFlow string
	listenOVSDB    string
	metrics        string
	pprof          string
	database       string
	auth           string
	openStack      map[string]string // OS_…
	novaEndpoint   string
	advertise      string
	replica        string
	apiHosts       []string
	tlsCert        string
	tlsKey         string
	tlsCA          string
	insecureSouth  bool
	insecureAPI    bool
	underlayMTU    int
	vniRange       string
	vlanRanges     []string
	quotas         []string
	tunnelPort     int
	logLevel       string
	version        bool
}

const defaultConfig = "/etc/planck/planckd.yaml"

// flags declares every setting once.
func (s *settings) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("planckd", pflag.ContinueOnError)
	f.SortFlags = false
	f.StringVar(&s.config, "config", defaultConfig, "file with settings in YAML; the default one may be absent")
	f.StringVar(&s.listenAPI, "listen-api", "127.0.0.1:9696", "address of the Quantum v2.0 API")
	f.StringVar(&s.listenOpenFlow, "listen-openflow", "127.0.0.1:6653", "address for the switches' OpenFlow connections")
	f.StringVar(&s.listenOVSDB, "listen-ovsdb", "127.0.0.1:6640", "address for the nodes' OVSDB connections")
	f.StringVar(&s.metrics, "metrics", "127.0.0.1:9697", "address of Prometheus metrics and health; empty: none")
	f.StringVar(&s.pprof, "pprof", "", "unix socket for profiles; empty: none")
	f.StringVar(&s.database, "database", "sqlite:/var/lib/planck/planck.db", "sqlite:/path/to/file or postgres://user@host/name")
	f.StringVar(&s.auth, "auth", "none", "who requests come from: none (whoever they say), or keystone (OS_AUTH_URL, OS_USERNAME, … in the environment or the file)")
	f.StringVar(&s.novaEndpoint, "nova-endpoint", "", "URL of the Nova that is told of its servers' ports, or catalog: the compute service of Keystone's (of OS_REGION_NAME and OS_INTERFACE, if set); empty: none is")
	f.StringVar(&s.advertise, "advertise", "", "OpenFlow address that nodes are told; default: the address at which each reached us")
	f.StringVar(&s.replica, "replica", "", "name of this replica, the same across restarts; default: the hostname")
	f.StringSliceVar(&s.apiHosts, "api-host", nil, "further names that clients may reach the API by")
	f.StringVar(&s.tlsCert, "tls-cert", "", "certificate of this replica (PEM); TLS on all three listeners")
	f.StringVar(&s.tlsKey, "tls-key", "", "its key")
	f.StringVar(&s.tlsCA, "tls-ca", "", "certificates that clients' must be signed by")
	f.BoolVar(&s.insecureSouth, "insecure-southbound", false, "allow OpenFlow and OVSDB without TLS on addresses other than loopback")
	f.BoolVar(&s.insecureAPI, "insecure-api", false, "allow --auth none on addresses other than loopback")
	f.IntVar(&s.underlayMTU, "underlay-mtu", 1500, "bytes of IP that the network between the nodes carries")
	f.StringVar(&s.vniRange, "vni-range", "", "segmentation ids of tenants' vxlan networks, first-last")
	f.StringSliceVar(&s.vlanRanges, "vlan-range", nil, "VLAN ids for vlan networks that ask for none, physnet:first-last")
	f.StringSliceVar(&s.quotas, "quota", nil, "limits of projects that have none of their own, resource=number; -1: unlimited")
	f.IntVar(&s.tunnelPort, "tunnel-udp-port", 4789, "UDP port of VXLAN between the nodes")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&s.version, "version", false, "print the version and end")
	return f
}

// read takes the settings from the command line, the environment and the file.
func (s *settings) read(args []string, getenv func(string) (string, bool)) error {
	f := s.flags()
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(flag *pflag.Flag) { given[flag.Name] = true })
	var bad error
	f.VisitAll(func(flag *pflag.Flag) {
		if v, ok := getenv("PLANCK_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))); ok && !given[flag.Name] {
			given[flag.Name] = true
			if err := f.Set(flag.Name, v); err != nil {
				bad = errors.Join(bad, fmt.Errorf("PLANCK_%s: %w", flag.Name, err))
			}
		}
	})
	if bad != nil {
		return bad
	}
	s.openStack = map[string]string{}
	for _, key := range openStackKeys {
		if v, _ := getenv(key); v != "" {
			s.openStack[key] = v
		}
	}
	return s.readFile(f, given)
}

func (s *settings) readFile(f *pflag.FlagSet, given map[string]bool) error {
	raw, err := os.ReadFile(s.config)
	if errors.Is(err, fs.ErrNotExist) && s.config == defaultConfig {
		return nil
	}
	if err != nil {
		return err
	}
	var keys map[string]any
	if err := yaml.Unmarshal(raw, &keys); err != nil {
		return fmt.Errorf("%s: %w", s.config, err)
	}
	for key, value := range keys {
		if slices.Contains(openStackKeys, key) {
			text, ok := value.(string)
			if !ok { // YAML reads 0123 as the number 83
				return fmt.Errorf("%s: %s: a text in quotes is needed", s.config, key)
			}
			if s.openStack[key] == "" {
				s.openStack[key] = text
			}
			continue
		}
		if f.Lookup(key) == nil || key == "config" || key == "version" {
			return fmt.Errorf("%s: unknown key %q", s.config, key)
		}
		if given[key] {
			continue
		}
		values, isList := value.([]any)
		if !isList {
			values = []any{value}
		}
		for _, v := range values {
			if err := f.Set(key, fmt.Sprint(v)); err != nil {
				return fmt.Errorf("%s: %s: %w", s.config, key, err)
			}
		}
	}
	return nil
}

// check refuses what would open a door without a lock.
func (s *settings) check() error {
	switch s.auth {
	case "none":
		if !s.insecureAPI && !onLoopback(s.listenAPI) {
			return fmt.Errorf("%s is not a loopback address: with --auth none everyone there would be an administrator (--insecure-api allows it)", s.listenAPI)
		}
	case "keystone":
		if missing := s.missingForKeystone(); len(missing) > 0 {
			return fmt.Errorf("--auth keystone: %s missing in the environment and in %s", strings.Join(missing, ", "), s.config)
		}
	default:
		return fmt.Errorf("--auth %s: there are none and keystone", s.auth)
	}
	if err := s.checkNova(); err != nil {
		return err
	}
	tls := 0
	for _, v := range []string{s.tlsCert, s.tlsKey, s.tlsCA} {
		if v != "" {
			tls++
		}
	}
	if tls != 0 && tls != 3 {
		return errors.New("TLS needs --tls-cert, --tls-key and --tls-ca together")
	}
	if tls == 0 && !s.insecureSouth {
		for _, a := range []string{s.listenOpenFlow, s.listenOVSDB} {
			if !onLoopback(a) {
				return fmt.Errorf("%s is not a loopback address: OpenFlow and OVSDB there need TLS (--tls-cert, --tls-key, --tls-ca), "+
					"or --insecure-southbound", a)
			}
		}
	}
	return nil
}

func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
