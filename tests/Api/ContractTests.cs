using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Rl.Cli;
using Xunit;

namespace Rl.Tests.Api;

public sealed class ContractTests
{
    private static readonly float[] NotANumber = [1, float.NaN];
    private static readonly float[] Outside = [-1, 0];
    private static readonly float[] Short = [1];

    [Fact]
    public void An_environment_that_keeps_the_contract_has_no_findings()
    {
        Assert.Empty(Environments.Check(Environments.Make("Taxi-v3")));
        Assert.Empty(Environments.Check(() => new Corridor(), seed: 3, steps: 200));
    }

    [Fact]
    public void What_is_wrong_with_ones_own_environment_is_listed_with_place_and_remedy()
    {
        var finding = Assert.Single(Of(ContractRule.Observations, result => result with { Observation = NotANumber }));
        Assert.False(finding.IsAdvice);
        Assert.Contains("component 1 is NaN", finding.Problem, StringComparison.Ordinal);
        Assert.NotEmpty(finding.Place);
        Assert.NotEmpty(finding.Remedy);
        Assert.Contains("step 3", finding.ToString(), StringComparison.Ordinal);

        Assert.Contains("outside Box", Assert.Single(Of(ContractRule.Observations, result => result with { Observation = Outside })).Problem, StringComparison.Ordinal);
        Assert.Contains("reward -", Assert.Single(Of(ContractRule.Rewards, result => result with { Reward = double.NegativeInfinity })).Problem, StringComparison.Ordinal);
        Assert.Contains("observation of 1 elements", Of(ContractRule.Exceptions, result => result with { Observation = Short }).First().Problem, StringComparison.Ordinal);
        Assert.Contains("kaputt", Of(ContractRule.Exceptions, _ => throw new InvalidOperationException("kaputt")).First().Problem, StringComparison.Ordinal);
        Assert.True(Assert.Single(Of(ContractRule.Truncation, result => result with { Truncated = true })).IsAdvice);
    }

    [Fact]
    public void An_environment_whose_randomness_is_not_the_seed_s_is_found()
    {
        var calls = 0;
        var findings = Environments.Check(() => new Corridor { SpoiltStep = 2, Spoil = result => result with { Reward = calls++ } });
        Assert.Contains(findings, finding => finding.Rule == ContractRule.Reproducibility);
    }

    [Fact]
    public void A_factory_that_throws_or_returns_null_is_a_finding()
    {
        Assert.Equal(ContractRule.Exceptions, Assert.Single(Environments.Check(() => throw new InvalidOperationException("no licence"))).Rule);
        Assert.Equal(ContractRule.Exceptions, Assert.Single(Environments.Check(() => null!)).Rule);
    }

    [Fact]
    public void Nonsense_is_refused()
    {
        Assert.Throws<ArgumentNullException>(() => Environments.Check((BuiltInEnvironment)null!));
        Assert.Throws<ArgumentNullException>(() => Environments.Check((Func<IEnvironment>)null!));
        Assert.ThrowsAny<ArgumentException>(() => Environments.Check(() => new Corridor(), steps: 0));
    }

    [Fact]
    public void The_command_says_that_an_environment_keeps_the_contract()
    {
        var (code, output, _) = Run("check", "FrozenLake-v1", "--steps", "50", "--environment-set", "is_slippery=false");
        Assert.Equal(0, code);
        Assert.Contains("FrozenLake-v1 (is_slippery=false) keeps the contract", output, StringComparison.Ordinal);
        var json = JsonDocument.Parse(Run("check", "Chain-v0", "--seed", "4", "--steps", "50", "--json").Output).RootElement;
        Assert.Equal(("check", "Chain-v0", 4, 50, 0), (json.GetProperty("type").GetString(), json.GetProperty("environment").GetString(), json.GetProperty("seed").GetInt32(), json.GetProperty("steps").GetInt32(), json.GetProperty("violations").GetInt32()));
        Assert.Empty(json.GetProperty("findings").EnumerateArray());
    }

    [Fact]
    public void The_command_refuses_what_it_does_not_know()
    {
        Assert.Equal(2, Run("check", "Chain-v9").Code);
        Assert.Equal(2, Run("check", "Chain-v0", "--steps", "0").Code);
    }

    private static IEnumerable<ContractFinding> Of(ContractRule rule, Func<StepResult, StepResult> spoil) =>
        Environments.Check(() => new Corridor { SpoiltStep = 3, Spoil = spoil }).Where(finding => finding.Rule == rule);

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = CommandLine.Run(arguments, new(output, error, false), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }
}
