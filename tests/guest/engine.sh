# Sourced in the engine guest before anything runs: what an engine's host has and the vm driver's guest need not.
# No name resolution, no systemd: the engine manages cgroups itself.
modprobe -a loop veth bridge br_netfilter nf_nat nft_compat xt_conntrack xt_MASQUERADE xt_addrtype
mount -t securityfs -o nosuid,nodev,noexec securityfs /sys/kernel/security
# as on a host with systemd: what is mounted later can be seen in containers that ask for it
mount --make-rshared /
# volumes and layers are to be as on any disk; sandboxes' own files get their restrictions from the driver
mount -o remount,bind,suid,dev,noatime /scratch
mount -t ext4 -o ro LABEL=labs-shipped /shipped 2>/dev/null
mount -t tmpfs -o mode=700 root /root
