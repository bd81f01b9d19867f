/// The registry's entries of MinAtar.
namespace Rl.Core.Environments.MinAtar

open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal MinAtarEntries =

    let private entry
        (name: string)
        (summary: string)
        (create: MinAtarOptions -> AnyEnvironment)
        (defaults: MinAtarOptions)
        =
        {
            Id = $"MinAtar/{name}-v{defaults.Version}"
            Summary = summary
            Keywords =
                [
                    Keyword.flag
                        "use_minimal_action_set"
                        defaults.MinimalActionSet
                        "only the actions that do something in this game"
                    Keyword.number
                        "sticky_action_prob"
                        defaults.StickyActionProbability
                        "the probability of repeating the last action"
                    Keyword.flag "difficulty_ramping" defaults.DifficultyRamping "whether the game grows harder"
                ]
            Create =
                fun values ->
                    create
                        { defaults with
                            MinimalActionSet = Keyword.isSet values "use_minimal_action_set"
                            StickyActionProbability = Keyword.numberOf values "sticky_action_prob"
                            DifficultyRamping = Keyword.isSet values "difficulty_ramping"
                        }
        }

    let private both name summary create =
        [ MinAtarOptions.V0; MinAtarOptions.V1 ] |> List.map (entry name summary create)

    /// Every environment of this family.
    let all: RegistryEntry list =
        [
            both "Asterix" "Collect gold and keep away from the enemies." (fun options ->
                AnyEnvironment.Pack(Asterix options))
            both "Breakout" "Break the bricks with a ball and do not let it fall." (fun options ->
                AnyEnvironment.Pack(Breakout options))
            both "Freeway" "Lead a chicken across eight lanes of traffic." (fun options ->
                AnyEnvironment.Pack(Freeway options))
            both "Seaquest" "Hunt fish and submarines, rescue divers and come up for air." (fun options ->
                AnyEnvironment.Pack(Seaquest options))
            both "SpaceInvaders" "Shoot the aliens before they reach the ground." (fun options ->
                AnyEnvironment.Pack(SpaceInvaders options))
        ]
        |> List.concat
