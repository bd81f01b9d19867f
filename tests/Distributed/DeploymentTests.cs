using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using k8s;
using k8s.Models;
using Rl.Cli;
using Xunit;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace Rl.Tests.Distributed;

/// <summary>The files of <c>deploy</c>: Kubernetes' by its schema, the compose file by that of compose, and what they
/// start is what the command understands.</summary>
public sealed class DeploymentTests
{
    private static readonly Dictionary<string, Type> Kinds = new()
    {
        ["v1/Namespace"] = typeof(V1Namespace),
        ["v1/Secret"] = typeof(V1Secret),
        ["v1/Service"] = typeof(V1Service),
        ["v1/PersistentVolumeClaim"] = typeof(V1PersistentVolumeClaim),
        ["apps/v1/StatefulSet"] = typeof(V1StatefulSet),
        ["apps/v1/Deployment"] = typeof(V1Deployment),
        ["batch/v1/Job"] = typeof(V1Job),
        ["networking.k8s.io/v1/NetworkPolicy"] = typeof(V1NetworkPolicy),
    };

    private static string Folder { get; } = Path.Combine(Repository.Root, "deploy");

    /// <summary>What Kubernetes is told, each by the schema of its kind; a field that there is not is refused, and one
    /// that is there twice.</summary>
    private static List<IKubernetesObject> Manifests { get; } =
    [
        .. Resources().SelectMany(file => Read(File.ReadAllText(Path.Combine(Folder, "kubernetes", file)))),
    ];

    [Fact]
    public void All_manifests_are_listed_and_keep_to_the_schema_of_their_kind()
    {
        Assert.Equal(
            Resources().Append("kustomization.yaml").Order(),
            Directory.EnumerateFiles(Path.Combine(Folder, "kubernetes")).Select(Path.GetFileName).Order()!);
        Assert.Equal(
            ["Deployment", "Job", "Namespace", "NetworkPolicy", "PersistentVolumeClaim", "Secret", "Service", "Service",
                "StatefulSet"],
            Manifests.Select(manifest => manifest.Kind).Order());
    }

    [Theory]
    [InlineData("replicas:", "replica:")]
    [InlineData("containerPort:", "containerport:")]
    [InlineData("serviceName:", "labels:")]
    [InlineData("replicas: 1", "replicas: many")]
    public void A_manifest_that_does_not_keep_to_it_is_refused(string right, string wrong)
    {
        var text = File.ReadAllText(Path.Combine(Folder, "kubernetes", "redis.yaml"));
        Assert.Contains(right, text, StringComparison.Ordinal);
        Assert.ThrowsAny<Exception>(() => Read(text.Replace(right, wrong, StringComparison.Ordinal)));
    }

    [Fact]
    public void What_manifests_refer_to_is_there()
    {
        var secrets = Manifests.OfType<V1Secret>().ToDictionary(
            secret => secret.Metadata.Name, secret => secret.StringData.Keys.ToHashSet());
        var claims = Manifests.OfType<V1PersistentVolumeClaim>().Select(claim => claim.Metadata.Name).ToList();
        foreach (var (template, templates) in Pods())
        {
            var volumes = (template.Spec.Volumes ?? []).Select(volume => volume.Name).Concat(templates).ToHashSet();
            Assert.All(
                (template.Spec.Volumes ?? []).Where(volume => volume.PersistentVolumeClaim is not null),
                volume => Assert.Contains(volume.PersistentVolumeClaim.ClaimName, claims));
            var container = Assert.Single(template.Spec.Containers);
            Assert.Equal(volumes, [.. container.VolumeMounts.Select(mount => mount.Name)]);
            var known = new HashSet<string>();
            foreach (var variable in container.Env)
            {
                if (variable.ValueFrom?.SecretKeyRef is { } key)
                {
                    Assert.Contains(key.Key, secrets[key.Name]);
                }

                // A variable's text may name those before it.
                Assert.All(Named(variable.Value ?? ""), name => Assert.Contains(name, known));
                known.Add(variable.Name);
            }

            Assert.All(container.Args.SelectMany(Named), name => Assert.Contains(name, known));
            Assert.True(template.Spec.SecurityContext.RunAsNonRoot);
            Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
        }

        foreach (var service in Manifests.OfType<V1Service>())
        {
            Assert.Equal("None", service.Spec.ClusterIP);
            var pod = Assert.Single(Pods(), pod => Selects(service.Spec.Selector, pod.Template)).Template;
            Assert.Equal(
                service.Spec.Ports.Select(port => (int?)port.Port),
                pod.Spec.Containers[0].Ports.Select(port => (int?)port.ContainerPort));
        }

        foreach (var deployment in Manifests.OfType<V1Deployment>())
        {
            Assert.True(Selects(deployment.Spec.Selector.MatchLabels, deployment.Spec.Template));
        }

        var stateful = Assert.Single(Manifests.OfType<V1StatefulSet>());
        Assert.True(Selects(stateful.Spec.Selector.MatchLabels, stateful.Spec.Template));
        Assert.Contains(
            stateful.Spec.ServiceName, Manifests.OfType<V1Service>().Select(service => service.Metadata.Name));

        // Redis lets members in, and them alone.
        var policy = Assert.Single(Manifests.OfType<V1NetworkPolicy>());
        Assert.True(Selects(policy.Spec.PodSelector.MatchLabels, stateful.Spec.Template));
        var from = Assert.Single(Assert.Single(policy.Spec.Ingress).FromProperty).PodSelector.MatchLabels;
        Assert.Equal(2, Pods().Count(pod => Selects(from, pod.Template)));
    }

    [Fact]
    public void What_containers_are_started_with_is_what_the_command_understands()
    {
        var worker = Assert.Single(Manifests.OfType<V1Deployment>()).Spec.Template.Spec.Containers[0];
        Assert.Equal(["rl"], worker.Command);
        AssertUnderstood([.. worker.Args]);
        var learner = Assert.Single(Manifests.OfType<V1Job>()).Spec.Template.Spec.Containers[0];
        Assert.Equal(["rl-learn"], learner.Command);
        AssertUnderstood(Learned([.. learner.Args]));
        foreach (var variable in new[] { "RL_CLUSTER_SECRET", "RL_CLUSTER_STORE" })
        {
            Assert.Contains(worker.Env, given => given.Name == variable);
            Assert.Contains(learner.Env, given => given.Name == variable);
        }
    }

    [Fact]
    public void The_learner_s_script_begins_a_run_and_goes_on_with_it()
    {
        string[] words = ["ppo", "Hopper-v5", "--steps", "5 M", "--", "--workers", "4"];
        Assert.Equal(
            ["cluster", "train", "ppo", "Hopper-v5", "--steps", "5 M", "--workers", "4", "--run", "FOLDER",
                "--continue"],
            Learned(["FOLDER", .. words]));
        Assert.Equal(
            ["cluster", "train", "ppo", "Hopper-v5", "--run", "FOLDER", "--continue"],
            Learned(["FOLDER", "ppo", "Hopper-v5"]));
    }

    [Fact]
    public async Task The_compose_file_keeps_to_the_schema_of_compose()
    {
        Assert.SkipUnless(Program.Find("docker-compose") is not null, "There is no docker-compose.");
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("deploy"));
        var text = await File.ReadAllTextAsync(Path.Combine(Folder, "compose.yaml"));
        await File.WriteAllTextAsync(folder.File("deploy/compose.yaml"), text);
        using var right = Program.Start("docker-compose", folder.Path, "-f", "deploy/compose.yaml", "config", "-q");
        Assert.True(await right.Ends() == 0, right.Output);
        await File.WriteAllTextAsync(
            folder.File("deploy/compose.yaml"), text.Replace("replicas: 4", "replica: 4", StringComparison.Ordinal));
        using var wrong = Program.Start("docker-compose", folder.Path, "-f", "deploy/compose.yaml", "config", "-q");
        Assert.NotEqual(0, await wrong.Ends());
    }

    [Fact]
    public void The_compose_file_starts_what_there_is()
    {
        using var text = File.OpenText(Path.Combine(Folder, "compose.yaml"));
        var compose = new DeserializerBuilder().Build()
            .Deserialize<Dictionary<string, object>>(new MergingParser(new Parser(text)));
        var services = Map(compose["services"]);
        Assert.Equal(["learner", "redis", "worker"], services.Keys.Cast<string>().Order());
        foreach (var service in services.Values.Select(Map))
        {
            Assert.All(Texts(service["secrets"]), name => Assert.Contains(name, Map(compose["secrets"]).Keys));
            Assert.All(Texts(service["networks"]), name => Assert.Contains(name, Map(compose["networks"]).Keys));
            Assert.All(
                service.TryGetValue("volumes", out var volumes) ? Texts(volumes) : [],
                volume => Assert.Contains(volume.Split(':')[0], Map(compose["volumes"]).Keys));
        }

        var build = Map(Map(services["worker"])["build"]);
        Assert.True(File.Exists(Path.Combine(Folder, (string)build["context"], (string)build["dockerfile"])));
        AssertUnderstood([.. Script(services, "worker").SkipWhile(word => word != "rl").Skip(1)]);
        var learner = Script(services, "learner").SkipWhile(word => word != "rl-learn").Skip(1).ToArray();
        AssertUnderstood(Learned(learner));
    }

    [Fact]
    public void The_image_is_of_net_s_own_and_takes_up_what_is_there()
    {
        var lines = File.ReadAllLines(Path.Combine(Folder, "Dockerfile"));
        Assert.Equal(
            ["mcr.microsoft.com/dotnet/sdk:10.0 AS build", "mcr.microsoft.com/dotnet/aspnet:10.0"],
            lines.Where(line => line.StartsWith("FROM ", StringComparison.Ordinal)).Select(line => line[5..]));
        var copied = lines.Where(line => line.StartsWith("COPY ", StringComparison.Ordinal))
            .SelectMany(line => line.Split(' ').Skip(1).SkipLast(1))
            .Where(word => !word.StartsWith("--", StringComparison.Ordinal) && !word.StartsWith('/'));
        Assert.All(copied, path => Assert.True(Path.Exists(Path.Combine(Folder, "..", path)), path));
    }

    private static void AssertUnderstood(string[] words)
    {
        var parsed = CommandLine.Root(new Terminal(TextWriter.Null, TextWriter.Null, false), default).Parse(words);
        Assert.True(parsed.Errors.Count == 0, $"{string.Join(' ', words)}: {string.Join(' ', parsed.Errors)}");
    }

    /// <summary>What the learner's script has <c>rl</c> do, with a folder in place of that which is named.</summary>
    private static string[] Learned(string[] words)
    {
        using var folder = new TemporaryFolder();
        var run = folder.File("run");
        // In place of rl, whose words it prints.
        var programs = Directory.CreateDirectory(folder.File("programs")).FullName;
        File.WriteAllText(Path.Combine(programs, "rl"), "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Path.Combine(programs, "rl"), (UnixFileMode)0b111_000_000);
        }

        Assert.SkipUnless(Program.Find("env") is not null, "There is no shell.");
        using var shell = Program.Start(
            "env", folder.Path,
            [$"PATH={programs}:/usr/bin:/bin", "sh", Path.Combine(Folder, "rl-learn"), run, .. words.Skip(1)]);
        Assert.True(shell.Ends().GetAwaiter().GetResult() == 0, shell.Output);
        return [.. shell.Output.Split('\n').Select(word => word == run ? words[0] : word)];
    }

    private static string[] Script(Dictionary<object, object> services, string name)
    {
        var words = Texts(Map(services[name])["entrypoint"]);
        Assert.Equal(["sh", "-c"], words.Take(2));

        // Nothing in it has a space in it.
        var lines = words[2].Replace("\\\n", " ", StringComparison.Ordinal).Split('\n');
        var last = lines.Last(line => line.Length > 0);
        Assert.StartsWith("exec ", last, StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("export RL_CLUSTER_STORE=", StringComparison.Ordinal));
        return last.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    private static Dictionary<object, object> Map(object value) => (Dictionary<object, object>)value;

    private static List<string> Texts(object value) => [.. ((List<object>)value).Cast<string>()];

    /// <summary>The variables $(NAME) of a text.</summary>
    private static IEnumerable<string> Named(string text) =>
        text.Split("$(").Skip(1).Select(part => part[..part.IndexOf(')', StringComparison.Ordinal)]);

    private static bool Selects(IDictionary<string, string> selector, V1PodTemplateSpec template) =>
        selector.All(label => template.Metadata.Labels.TryGetValue(label.Key, out var value) && value == label.Value);

    /// <summary>All templates of pods, with the volumes that come with each pod.</summary>
    private static List<(V1PodTemplateSpec Template, List<string> Volumes)> Pods() =>
    [
        .. Manifests.OfType<V1StatefulSet>().Select(set => (
            set.Spec.Template, set.Spec.VolumeClaimTemplates.Select(claim => claim.Metadata.Name).ToList())),
        .. Manifests.OfType<V1Deployment>().Select(set => (set.Spec.Template, new List<string>())),
        .. Manifests.OfType<V1Job>().Select(job => (job.Spec.Template, new List<string>())),
    ];

    private static List<string> Resources() =>
    [
        .. ((List<object>)new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(
            File.ReadAllText(Path.Combine(Folder, "kubernetes", "kustomization.yaml")))["resources"]).Cast<string>(),
    ];

    private static List<IKubernetesObject> Read(string text) =>
        [.. KubernetesYaml.LoadAllFromString(text, Kinds, strict: true).Cast<IKubernetesObject>()];
}
