using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Rl.Distributed;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>The programs of docs/distributed.md.</summary>
public sealed class GuideTests
{
    [Fact]
    public async Task A_learner_in_a_program_has_workers_of_a_host_act()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddRlCluster(options =>
        {
            options.Learner = "127.0.0.1:11311";
            options.Environments["Counter-v0"] = () => new Counter();
        });
        using var host = builder.Build();
        await host.StartAsync();

        await using var cluster = await RlCluster.StartAsync(new RlClusterOptions { Port = 11_311 });
        await cluster.WaitForWorkersAsync(1);
        using var agent = Agent.Create(new PpoOptions { Threads = 1 }, () => new Counter(), seed: 1);
        agent.TrainDistributed(cluster, totalSteps: 8_192);
        Console.WriteLine(string.Join(", ", cluster.Workers.Select(worker => $"{worker.Address}: {worker.Steps}")));

        Assert.True(agent.Steps >= 8_192);
        await host.StopAsync();
    }
}
