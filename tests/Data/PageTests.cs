using System;
using System.IO;
using System.Linq;
using Rl.Data;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>The code of docs/data.md, which runs.</summary>
public sealed class PageTests
{
    [Fact]
    public void Data_are_collected_read_and_converted_as_the_page_says()
    {
        using var temporary = new TemporaryFolder();
        var folder = temporary.Path;
        var pendulum = Environments.Make("Pendulum-v1");
        using var agent = Agent.Create(new PpoOptions(), pendulum, seed: 1);
        var random = Recording.AtRandom(() => Environments.Make("Pendulum-v1"), steps: 1000, seed: 1);
        Dataset.Of(pendulum.ObservationSpace, pendulum.ActionSpace, random, new() { AlgorithmName = "random" })
            .Save(Path.Combine(folder, "random-v0"));
        Dataset.Of(agent.ObservationSpace, agent.ActionSpace, agent.Record(steps: 500, seed: 2))
            .Save(Path.Combine(folder, "medium-v0"));

        var path = Path.Combine(folder, "random-v0");
        var data = Dataset.Open(path);
        Console.WriteLine($"{data}: {data.ObservationSpace}, {data.ActionSpace}");
        foreach (var episode in data.Episodes)
        {
            var steps = episode.Steps;
            Console.WriteLine($"{episode.Number}: {steps.Steps} steps, return {steps.Return}, seed {episode.Seed}");
        }

        RecordedData learned = data.ToRecordedData();
        Assert.Equal(1000, learned.Episodes.Sum(episode => episode.Steps));
        data.Save(Path.Combine(folder, "copy-v0"));
        data.Save(Path.Combine(folder, "copy.npz"), DatasetFormat.Npz);
        Assert.Equal("random", Dataset.Open(Path.Combine(folder, "copy-v0")).Metadata.AlgorithmName);
        Assert.True(File.Exists(Path.Combine(folder, "copy.npz")));
    }
}
