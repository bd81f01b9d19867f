/// Rewards and terminations that planning knows without having learnt them are those of the environments.
module Rl.Tests.Algorithms.ModelBased.KnownTaskTests

open System
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Xunit

[<Theory; InlineData "Pendulum-v1"; InlineData "CartPoleSwingUp-v0">]
let ``known rewards and terminations are those of the environment`` (id: string) =
    let environment = (Registry.make id).Vectorise 1
    let task = KnownTasks.find id
    let buffers = environment.AllocateBuffers()
    environment.Reset(Rng.create 5UL)
    let size = environment.ObservationSize
    let before = Array.zeroCreate<float32> size
    environment.Observe(Span before)
    let mutable key = Rng.create 6UL

    for _ in 1..150 do
        let struct (drawn, next) = Rng.uniformIn -3.5 3.5 key
        key <- next
        let action = [| float32 drawn |]
        environment.Step(0, 1, ReadOnlySpan action, buffers)
        let next = buffers.Observations.Span
        let reward = task.Reward.Value.Invoke(ReadOnlySpan before, ReadOnlySpan action, Span.op_Implicit next)
        Assert.Equal(float buffers.Rewards.Span[0], reward, 2e-5)
        Assert.Equal(buffers.Terminated.Span[0], task.Terminated.Value.Invoke(Span.op_Implicit next))
        next.CopyTo(Span before)

[<Theory; InlineData "CartPole-v0"; InlineData "CartPole-v1">]
let ``known terminations are those of the environment`` (id: string) =
    let environment = (Registry.make id).Vectorise 1
    let task = KnownTasks.find id
    Assert.True task.Reward.IsNone
    let buffers = environment.AllocateBuffers()
    environment.Reset(Rng.create 5UL)
    let mutable key = Rng.create 6UL
    let mutable ends = 0

    for _ in 1..300 do
        let struct (drawn, next) = Rng.below 2 key
        key <- next
        environment.Step(0, 1, ReadOnlySpan [| float32 drawn |], buffers)
        let isTerminal = buffers.Terminated.Span[0]
        let after = if isTerminal then buffers.FinalObservations else buffers.Observations
        Assert.Equal(isTerminal, task.Terminated.Value.Invoke(Span.op_Implicit after.Span))
        if isTerminal then ends <- ends + 1

    Assert.InRange(ends, 5, 40)
