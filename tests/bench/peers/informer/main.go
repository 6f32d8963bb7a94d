// What most Kubernetes tools are made of: a client-go informer on pods, as its documentation sets one up.
//
//	informer -kubeconfig FILE [-protobuf]
//
// Says "synced" when its first list is complete, and at SIGTERM how many changes it was told.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the file")
	protobuf := flag.Bool("protobuf", false, "asks for protobuf instead of JSON")
	flag.Parse()
	if err := run(*kubeconfig, *protobuf); err != nil {
		fmt.Fprintln(os.Stderr, "informer:", err)
		os.Exit(1)
	}
}

func run(kubeconfig string, protobuf bool) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	if protobuf {
		config.ContentType = "application/vnd.kubernetes.protobuf"
		config.AcceptContentTypes = config.ContentType
	} else {
		config.ContentType = "application/json"
		config.AcceptContentTypes = config.ContentType
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var changes atomic.Int64
	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Core().V1().Pods().Informer()
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changes.Add(1) },
		UpdateFunc: func(any, any) { changes.Add(1) },
		DeleteFunc: func(any) { changes.Add(1) },
	})
	if err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	stop := make(chan struct{})
	factory.Start(stop)
	if !cache.WaitForCacheSync(stop, informer.HasSynced) {
		return fmt.Errorf("the first list did not complete")
	}
	fmt.Println("synced")
	<-ended
	close(stop)
	fmt.Println("changes", changes.Load())
	return nil
}
