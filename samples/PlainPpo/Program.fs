/// Trains the plain PPO on CartPole-v1 and prints the mean return of the episodes of every tenth update.
module Program

open Rl.Core.Environments

[<EntryPoint>]
let main arguments =
    let totalSteps = if Array.contains "--quick" arguments then 20_480 else 102_400
    let environment = (Registry.make "CartPole-v1").Vectorise 8

    let report steps (returns: float list) =
        if steps % 10_240 = 0 && returns <> [] then
            printfn $"{steps, 8:N0} steps  mean return {List.average returns, 6:F1}"

    PlainPpo.train PlainPpo.defaults environment totalSteps 1UL report |> ignore
    0
