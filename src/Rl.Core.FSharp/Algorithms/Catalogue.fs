/// The algorithms of the library.
namespace Rl.Core.Algorithms

open System

/// The only list of them: the C# face, the command line, files, the documentation and the laws of the tests go through
/// it.
[<RequireQualifiedAccess>]
module Catalogue =

    /// Every algorithm, ordered by id.
    let entries: AlgorithmEntry list =
        [
            A2c.entry
            Airl.entry
            Appo.entry
            Ars.entry
            Awac.entry
            Awr.entry
            BasicMbrl.entry
            Bc.entry
            Bcq.entry
            Bear.entry
            C51.entry
            Cem.entry
            Cql.entry
            CrossQ.entry
            Crr.entry
            Dagger.entry
            Ddpg.entry
            DecisionTransformer.entry
            DeepDynaQ.entry
            DiscreteBcq.entry
            DiscreteCql.entry
            Dqn.entry
            Droq.entry
            Edac.entry
            Es.entry
            FilteredCloning.entry
            Fqf.entry
            Gail.entry
            Impala.entry
            Iql.entry
            Iqn.entry
            Mbpo.entry
            Npg.entry
            OnPolicyMbrl.entry
            Pets.entry
            Ppg.entry
            Ppo.entry
            Pqn.entry
            QrDqn.entry
            R2d2.entry
            Rainbow.entry
            ReBrac.entry
            Redq.entry
            Reinforce.entry
            Sac.entry
            Sqil.entry
            Steve.entry
            StreamAc.entry
            StreamQ.entry
            Td3.entry
            Td3Bc.entry
            Tqc.entry
            Trpo.entry
            Vmpo.entry
            Vpg.entry
            Xqc.entry
        ]

    /// The algorithm of an id, whatever its case, if there is one.
    let tryFind (id: string) : AlgorithmEntry option =
        entries
        |> List.tryFind (fun entry -> String.Equals(entry.Id, id, StringComparison.OrdinalIgnoreCase))
