using System;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Configuration;
using Orleans.Connections.Security;
using Orleans.Hosting;
using Orleans.Runtime;
using Rl.Distributed.Grains;

namespace Rl.Distributed.Internal;

/// <summary>What every member of a cluster is set up with.</summary>
internal static class SiloSetup
{
    /// <summary>How the names of workers begin; learners have others, so that nobody has them act.</summary>
    public const string WorkerPrefix = "rl-worker-";

    private const string LearnerPrefix = "rl-learner-";

    /// <summary>Rollouts of a share may be long, and parameters many: what a message may hold.</summary>
    public const int LargestMessage = 1_073_741_824;

    private static readonly TimeSpan LongestAnswer = TimeSpan.FromHours(24);

    /// <summary>Sets a member up; gives where it listens. <paramref name="primary"/> keeps the list of members where
    /// there is no store; it may be this member.</summary>
    public static void Configure(
        ISiloBuilder silo, RlClusterOptions options, bool isWorker, IPEndPoint self, IPEndPoint primary,
        PeerNotices notices)
    {
        var listen = IPAddress.Parse(options.Listen);
        silo.Services.AddSingleton(new WorkerSetup(options));
        silo.Services.AddSingleton<HostedShares>();
        silo.Services.AddSingleton<WorkAtHand>();
        silo.Services.AddPlacementDirector<WorkerPlacement, WorkerPlacementDirector>();
        silo.Services.Replace(ServiceDescriptor.Singleton<IFatalErrorHandler>(notices));
        silo.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Name, "rl"));
        silo.Configure<SiloOptions>(named => named.SiloName =
            (isWorker ? WorkerPrefix : LearnerPrefix) + Guid.NewGuid().ToString("N")[..12]);
        // Without a gateway: members alone talk to members.
        silo.Configure<EndpointOptions>(endpoints =>
        {
            endpoints.AdvertisedIPAddress = self.Address;
            endpoints.SiloPort = self.Port;
            endpoints.GatewayPort = 0;
            endpoints.SiloListeningEndpoint = new IPEndPoint(listen, self.Port);
        });
        silo.Configure<ClusterMembershipOptions>(membership =>
        {
            membership.ProbeTimeout = options.ProbeInterval;
            membership.NumMissedProbesLimit = options.MissedProbes;
            membership.NumVotesForDeathDeclaration = 1;
            membership.TableRefreshTimeout = TimeSpan.FromSeconds(5);
            membership.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);
            membership.MaxJoinAttemptTime = TimeSpan.FromSeconds(30);
            membership.DefunctSiloExpiration = TimeSpan.FromHours(1);
            membership.DefunctSiloCleanupPeriod = TimeSpan.FromMinutes(10);
        });
        silo.Configure<SiloMessagingOptions>(messaging =>
        {
            messaging.ResponseTimeout = LongestAnswer;
            messaging.ResponseTimeoutWithDebugger = LongestAnswer;
            messaging.MaxMessageBodySize = LargestMessage;
        });
        silo.Configure<GrainCollectionOptions>(collection => collection.CollectionAge = HostedShares.LongestRest);
        switch (options.Store is null ? null : ClusterStore.Parse(options.Store, nameof(options.Store)))
        {
            case null:
                silo.UseDevelopmentClustering(primary);
                break;
            case ClusterStore.Redis redis:
                silo.UseRedisClustering(clustering => clustering.ConfigurationOptions = redis.Configuration);
                break;
            case ClusterStore.Postgres postgres:
                silo.Services.AddSingleton<IMembershipTable>(
                    new PostgresMembership(postgres.ConnectionString, options.Name));
                break;
        }

        if (options.Secret is { } secret)
        {
            Secure(silo, secret, notices);
        }
    }

    private static void Secure(ISiloBuilder silo, string secret, PeerNotices notices)
    {
        var certificate = SecretCertificate.Of(secret);
        silo.UseTls(certificate, tls =>
        {
            tls.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
            tls.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
            tls.RemoteCertificateValidation = (peer, _, _) =>
            {
                var isMember = SecretCertificate.IsSame(certificate, peer);
                if (!isMember)
                {
                    notices.Stranger();
                }

                return isMember;
            };
            tls.OnAuthenticateAsClient = (_, authentication) => authentication.TargetHost = "Rl cluster";
        });
    }
}
