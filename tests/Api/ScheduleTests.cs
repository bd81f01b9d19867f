using System;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Schedules as C# sees them: numbers by themselves, values that compare, print and are read back.</summary>
public class ScheduleTests
{
    [Fact]
    public void A_number_is_a_schedule_by_itself()
    {
        Schedule rate = 3e-4;
        Assert.True(rate.IsConstant);
        Assert.Equal(3e-4, rate.At(0.7));
        Assert.Equal(Schedule.Constant(3e-4), rate);
        var read = Schedule.Parse("0.0003");
        Assert.Equal(new PpoOptions { LearningRate = 3e-4 }, new PpoOptions { LearningRate = read });
    }

    [Fact]
    public void Schedules_have_their_values_and_texts()
    {
        Assert.Equal(0.5, Schedule.Linear(1, 0).At(0.5), 12);
        Assert.Equal(0.05, Schedule.Linear(1, 0.05, over: 0.1).At(0.1), 12);
        Assert.Equal(0.55, Schedule.Cosine(1, 0.1).At(0.5), 12);
        Assert.Equal(1e-2, Schedule.Exponential(1, 1e-4).At(0.5), 12);
        Assert.Equal(0.2, Schedule.Piecewise(0.3, (0.5, 0.2), (0.9, 0.1)).At(0.6));
        Assert.Equal(0.5, Schedule.Constant(1).WithWarmUp(0.1).At(0.05), 12);
        Assert.Equal(1.0, Schedule.Linear(1, 0).At(0));
        Assert.Equal(0.0, Schedule.Linear(1, 0).At(3));
        string[] texts = ["linear(0.001, 0)", "piecewise(1, 0.5: 0.1)", "warmup(0.05, cosine(1, 0.1, 0.5))"];
        foreach (var text in texts)
        {
            Assert.Equal(text, Schedule.Parse(text).ToString());
            Assert.Equal(Schedule.Parse(text), Schedule.Parse(text));
        }
    }

    [Fact]
    public void What_is_no_schedule_is_refused_where_it_is_made()
    {
        Assert.Equal("over", Assert.ThrowsAny<ArgumentException>(() => Schedule.Linear(1, 0, over: 1.5)).ParamName);
        Assert.ThrowsAny<ArgumentException>(() => Schedule.Exponential(1, 0));
        Assert.ThrowsAny<ArgumentException>(() => Schedule.Piecewise(1, (0.5, 1), (0.4, 2)));
        Assert.ThrowsAny<ArgumentException>(() => Schedule.Linear(1, 0).WithWarmUp(0.1).WithWarmUp(0.1));
        Assert.ThrowsAny<ArgumentException>(() => Schedule.Parse("fast"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.Linear(1, 0).At(double.NaN));
        var missing = Assert.Throws<ArgumentNullException>(() => new PpoOptions { LearningRate = null! }.Validate());
        Assert.Equal("LearningRate", missing.ParamName);
        var outside = Assert.ThrowsAny<ArgumentException>(
            () => new PpoOptions { ClipRange = Schedule.Linear(0.2, -0.1) }.Validate());
        Assert.Equal("ClipRange", outside.ParamName);
    }

    [Fact]
    public void Options_of_earlier_files_mean_what_they_meant()
    {
        var options = (PpoOptions)Algorithms.Options(
            "ppo", [new("LearningRate", "0.01"), new("AnnealLearningRate", "true"), new("AnnealClipRange", "false")]);
        Assert.Equal(Schedule.Linear(0.01, 0), options.LearningRate);
        Assert.Equal(0.2, options.ClipRange);
    }
}
