using System;
using System.Buffers.Binary;
using System.IO;
using System.IO.Hashing;
using Rl.Tests.Api.AgentFiles;
using Xunit;

namespace Rl.Tests.Api;

public sealed class FileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string path;

    public FileTests()
    {
        path = folder.File("agent.rl");
        using var agent = Agent.Create(
            new PpoOptions { RolloutSteps = 16, MinibatchSize = 32, EnvironmentCopies = 2, Hidden = [8] },
            Environments.Make("CartPole-v1"), 3);
        agent.TrainFor(1);
        agent.Save(path);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_loaded_agent_knows_what_it_is()
    {
        using var agent = Agent.Load(path);
        Assert.Equal(("CartPole-v1", 3UL, 32L, 1L), (agent.EnvironmentId, agent.Seed, agent.Steps, agent.Updates));
        Assert.Equal(Space.Discrete(2), agent.ActionSpace);
        var options = Assert.IsType<PpoOptions>(agent.Options);
        Assert.Equal([8], options.Hidden);
        Assert.Equal((16, 2), (options.RolloutSteps, options.EnvironmentCopies));
    }

    [Fact]
    public void Without_its_replay_an_agent_that_has_none_is_saved_whole()
    {
        using var agent = Agent.Load(path);
        var other = folder.File("without.rl");
        agent.Save(other, withReplay: false);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(other));
    }

    [Fact]
    public void A_model_for_another_space_is_refused_naming_both()
    {
        var message =
            Assert.Throws<ArgumentException>(() => Agent.Load(path, Environments.Make("Pendulum-v1"))).Message;
        Assert.Contains("Discrete(2)", message, StringComparison.Ordinal);
        Assert.Contains("Box([-2], [2], shape [1])", message, StringComparison.Ordinal);
        Assert.Contains("Pendulum-v1", message, StringComparison.Ordinal);
        Assert.Contains(path, message, StringComparison.Ordinal);
        using var agent = Agent.Load(path);
        Assert.ThrowsAny<ArgumentException>(() => agent.Evaluate(Environments.Make("Pendulum-v1")));
    }

    [Fact]
    public void Another_environment_with_the_same_spaces_goes_on_with_new_episodes()
    {
        using var agent = Agent.Load(path, Environments.Make("CartPole-v0"));
        Assert.Equal("CartPole-v0", agent.EnvironmentId);
        agent.TrainFor(1);
        Assert.Equal(2, agent.Updates);
        Assert.InRange(agent.Evaluate(3).Mean, 1, 200);
    }

    [Fact]
    public void Episodes_that_are_longer_than_a_new_limit_end_with_their_next_step()
    {
        using var agent = Agent.Load(path, Environments.Make("CartPole-v1").WithMaxEpisodeSteps(3));
        var lengths = new System.Collections.Generic.List<int>();
        agent.Train(200, new SynchronousProgress<TrainingProgress>(now =>
        {
            foreach (var episode in now.Episodes)
            {
                lengths.Add(episode.Length);
            }
        }));
        Assert.NotEmpty(lengths);
        Assert.All(lengths, length => Assert.InRange(length, 1, 3));
    }

    [Theory]
    [InlineData("corrupt", "damaged")]
    [InlineData("truncated", "damaged")]
    [InlineData("empty", "empty")]
    [InlineData("foreign", "not an agent file")]
    [InlineData("newer", "newer version")]
    public void A_file_that_is_not_whole_or_not_ours_is_refused_with_its_name_and_a_remedy(
        string damage, string expected)
    {
        var bytes = File.ReadAllBytes(path);
        byte[] changed = damage switch
        {
            "corrupt" => Changed(bytes, bytes.Length / 3),
            "truncated" => bytes[..(bytes.Length / 2)],
            "empty" => [],
            "foreign" => [.. "{ \"weights\": [] }"u8],
            _ => Newer(bytes),
        };
        File.WriteAllBytes(path, changed);
        var message = Assert.Throws<InvalidDataException>(() => Agent.Load(path)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.Contains(path, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Saving_copies_no_parameters()
    {
        using var agent = Agent.Create(
            new PpoOptions { Hidden = [400, 400], EnvironmentCopies = 1, RolloutSteps = 64, Threads = 1 },
            Environments.Make("CartPole-v1"), 1);
        agent.TrainFor(1);
        var large = folder.File("large.rl");
        agent.Save(large);
        var before = GC.GetAllocatedBytesForCurrentThread();
        agent.Save(large);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        var length = new FileInfo(large).Length;
        Assert.InRange(length, 3_000_000, 5_000_000);
        Assert.InRange(allocated, 0, 200_000);
        var file = new FileReader(File.ReadAllBytes(large));
        Assert.Equal(agent.Parameters.ToArray(), file.Parameters);
        Assert.Equal(file.Parameters.Length, file.Arrays["optimiser/firstMoment"].Length);
        using var loaded = Agent.Load(large);
        agent.TrainFor(1);
        loaded.TrainFor(1);
        Assert.Equal(agent.Parameters.ToArray(), loaded.Parameters.ToArray());
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains(
            "missing.rl", Assert.Throws<FileNotFoundException>(() => Agent.Load(folder.File("missing.rl"))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void An_unwritable_folder_is_a_clear_error_and_the_agent_lives_on()
    {
        using var agent = Agent.Load(path);
        var blocked = Path.Combine(path, "below-a-file", "agent.rl");
        var message = Assert.Throws<IOException>(() => agent.Save(blocked)).Message;
        Assert.Contains(blocked, message, StringComparison.Ordinal);
        Assert.Contains("can be written", message, StringComparison.Ordinal);
        agent.Save(folder.File("elsewhere.rl"));
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(folder.File("elsewhere.rl")));
    }

    private static byte[] Changed(byte[] bytes, int at)
    {
        bytes[at] ^= 0x10;
        return bytes;
    }

    private static byte[] Newer(byte[] bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), 99);
        Crc32.Hash(bytes.AsSpan(0, bytes.Length - 4), bytes.AsSpan(bytes.Length - 4));
        return bytes;
    }
}
